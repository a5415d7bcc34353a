"""Papers: invoices, credit notes and packing slips, drawn as PDF."""
