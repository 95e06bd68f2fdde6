"""An environment and a policy for hades, in a package of their own."""
