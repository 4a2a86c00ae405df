"""Real speech whose words are known, turned into recordings whose phones and times are known."""
