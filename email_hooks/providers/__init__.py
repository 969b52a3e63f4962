"""One provider, one file, one mapping table. Facts stand beside the code with the page they come from."""
