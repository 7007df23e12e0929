"""Many samples of many settings, kept in files, and the rows made of them."""
