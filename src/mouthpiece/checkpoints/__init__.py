"""Published weights: the catalogue, the cache, fetching, and safe reading of their files."""
