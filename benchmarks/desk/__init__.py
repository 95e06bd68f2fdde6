"""What two cores distil: every environment of the paper, every method, several seeds; the table and plot of it."""
