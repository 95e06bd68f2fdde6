"""Work on a run besides its distillation, in processes of their own: export, evaluation, removal, archive, pruning.
The supervisor starts them, bounds them and tells clients what came of them."""
