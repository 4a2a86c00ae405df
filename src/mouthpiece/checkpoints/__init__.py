"""Published weights: which there are, where they are kept, how they get there, and how they are read safely."""
