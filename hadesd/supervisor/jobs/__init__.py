"""Work on a run besides its distillation: evaluation and export in processes of their own.
The supervisor starts them, bounds them and tells clients what came of them."""
