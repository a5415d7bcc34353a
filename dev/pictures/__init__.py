"""Product pictures drawn by code, so that a shop full of them needs no photographer and no download."""
