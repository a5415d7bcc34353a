"""Pages for staff: the same operations as the JSON API's, called by the same functions, shown and asked for as HTML."""
