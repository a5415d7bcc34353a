"""How good recommendations are: measured on buyers whose tastes are known, because they are made up."""
