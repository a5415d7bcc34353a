"""What clients are told of orders: nothing of a row or of a workflow's answer gets out but in these shapes."""
