"""The report of a study: from its storage and run folders to findings, figures, tables, HTML and W&B."""
