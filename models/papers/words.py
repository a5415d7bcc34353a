"""The words on papers, by language: a table small enough to read as a whole."""

from collections.abc import Mapping
from decimal import Decimal

from babel.numbers import format_decimal

from models.wording.languages import conventions

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "invoice": "Invoice", "credit_note": "Credit note", "packing_slip": "Packing slip",
        "number": "Number", "date": "Date", "order": "Order", "ordered": "Ordered on", "of": "Credits invoice",
        "bill_to": "Billed to", "ship_to": "Sent to", "tax_id": "Tax ID", "item": "Item", "quantity": "Qty",
        "unit_price": "Unit price", "rate": "Tax", "amount": "Amount", "discount": "Discount",
        "shipping": "Shipping", "given_back": "Given back", "kept": "Not given back", "rest": "Rest of the invoice",
        "untaxed": "not taxed", "tax": "Tax", "net": "Net", "gross": "Gross", "total": "Total",
        "credited": "Total credited", "included": "Amounts contain tax.", "added": "Amounts are before tax.",
        "paid": "Paid", "credit": "Gift card or store credit", "page": "Page {n} of {of}",
        "parcel": "Parcel", "carrier": "Carrier", "tracking": "Tracking number", "sent": "Sent on", "from": "From",
        "in_parcel": "In this parcel", "of_order": "Ordered",
    },
    "de": {
        "invoice": "Rechnung", "credit_note": "Rechnungskorrektur", "packing_slip": "Lieferschein",
        "number": "Nummer", "date": "Datum", "order": "Bestellung", "ordered": "Bestellt am", "of": "Zu Rechnung",
        "bill_to": "Rechnung an", "ship_to": "Lieferung an", "tax_id": "USt-IdNr.", "item": "Artikel",
        "quantity": "Menge", "unit_price": "Einzelpreis", "rate": "Steuer", "amount": "Betrag",
        "discount": "Rabatt", "shipping": "Versand", "given_back": "Erstattung", "kept": "Nicht erstattet",
        "rest": "Rest der Rechnung", "untaxed": "nicht besteuert", "tax": "Steuer", "net": "Netto",
        "gross": "Brutto", "total": "Gesamtbetrag", "credited": "Gutgeschrieben",
        "included": "Die Beträge enthalten die Steuer.", "added": "Die Beträge sind ohne Steuer.",
        "paid": "Bezahlt", "credit": "Geschenkkarte oder Guthaben", "page": "Seite {n} von {of}",
        "parcel": "Paket", "carrier": "Versand mit", "tracking": "Sendungsnummer", "sent": "Verschickt am",
        "from": "Von", "in_parcel": "In diesem Paket", "of_order": "Bestellt",
    },
    "fr": {
        "invoice": "Facture", "credit_note": "Avoir", "packing_slip": "Bon de livraison",
        "number": "Numéro", "date": "Date", "order": "Commande", "ordered": "Commandé le", "of": "Sur la facture",
        "bill_to": "Facturé à", "ship_to": "Livré à", "tax_id": "N° de TVA", "item": "Article", "quantity": "Qté",
        "unit_price": "Prix unitaire", "rate": "Taxe", "amount": "Montant", "discount": "Remise",
        "shipping": "Livraison", "given_back": "Remboursement", "kept": "Non remboursé",
        "rest": "Reste de la facture", "untaxed": "non taxé", "tax": "Taxe", "net": "HT", "gross": "TTC",
        "total": "Total", "credited": "Total de l’avoir", "included": "Les montants comprennent la taxe.",
        "added": "Les montants s’entendent hors taxe.", "paid": "Payé", "credit": "Carte cadeau ou avoir",
        "page": "Page {n} sur {of}", "parcel": "Colis", "carrier": "Transporteur",
        "tracking": "Numéro de suivi", "sent": "Expédié le", "from": "De", "in_parcel": "Dans ce colis",
        "of_order": "Commandé",
    },
    "am": {
        "invoice": "ደረሰኝ", "credit_note": "የተመላሽ ደረሰኝ", "packing_slip": "የእቃ ዝርዝር",
        "number": "ቁጥር", "date": "ቀን", "order": "ትዕዛዝ", "ordered": "የታዘዘበት ቀን", "of": "የሚመለከተው ደረሰኝ",
        "bill_to": "ክፍያ የሚመለከተው", "ship_to": "የሚላክለት", "tax_id": "የግብር ከፋይ መለያ", "item": "እቃ",
        "quantity": "ብዛት", "unit_price": "የአንዱ ዋጋ", "rate": "ግብር", "amount": "መጠን", "discount": "ቅናሽ",
        "shipping": "ማጓጓዣ", "given_back": "ተመላሽ", "kept": "ያልተመለሰ", "rest": "የደረሰኙ ቀሪ",
        "untaxed": "ግብር የለውም", "tax": "ግብር", "net": "ከግብር በፊት", "gross": "ከግብር ጋር", "total": "ጠቅላላ",
        "credited": "ጠቅላላ ተመላሽ", "included": "ዋጋዎቹ ግብርን ያካትታሉ።", "added": "ዋጋዎቹ ግብርን አያካትቱም።",
        "paid": "የተከፈለ", "credit": "የስጦታ ካርድ ወይም የሱቅ ሂሳብ", "page": "ገጽ {n} ከ {of}", "parcel": "ጥቅል",
        "carrier": "አጓጓዥ", "tracking": "መከታተያ ቁጥር", "sent": "የተላከበት ቀን", "from": "ከ",
        "in_parcel": "በዚህ ጥቅል ውስጥ", "of_order": "የታዘዘ",
    },
}  # fmt: skip


def rate(ppm: int | None, locale: str) -> str:
    """A tax rate as people read it: `8.875 %`; nothing, when nobody remembers it."""
    if ppm is None:
        return ""
    return format_decimal(Decimal(ppm) / 10_000, format="0.####", locale=conventions(locale)) + "\u00a0%"
