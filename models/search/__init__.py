"""Finding products by words: how text becomes words, what is asked and found, and the two engines that find it."""
