"""What is done with a finished dataset: evaluation, transfer, reference levels, pictures, reports.
It computes with `hadesd.distill`; only the command line enters."""
