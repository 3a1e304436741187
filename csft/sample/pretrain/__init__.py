"""How the shipped base came to be: `python -m csft.sample.pretrain` makes tokenizer and weights anew."""
