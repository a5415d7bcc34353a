"""What readers are told, in their language: catalogues, formats of sums and days, and the letters made of them."""
