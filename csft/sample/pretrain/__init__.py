"""Pre-training of the sample's base: `python -m csft.sample.pretrain FOLDER` makes it anew.

The shipped weights came from several stages of this code while it was written, not from one run of it.
"""
