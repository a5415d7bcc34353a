"""What the outside is told: the queue of each receiver, and the post that carries it there."""
