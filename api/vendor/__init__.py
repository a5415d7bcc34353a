"""What vendors see and do: their own goods, their part of orders, and what is paid out for them."""
