"""What tests share, and benchmarks use: no tests themselves, a folder for each subject."""
