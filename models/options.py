"""Options of a product and the variants that are made of them: each is one choice, and no two are the same."""

from collections.abc import Mapping, Sequence

from models.errors import Refusal
from models.records import ProductOption


def must_fit(options: Sequence[ProductOption], variants: Mapping[str, Mapping[str, str]]) -> None:
    """Prove that the attributes of `variants` (by SKU) choose one value of each option. Without options all may be.

    Raises: Refusal `options_mismatch` with the SKUs that do not, `variants_alike` with two that choose the same.
    """
    if not options:
        return
    allowed = {option.name: frozenset(option.values) for option in options}
    wrong = [
        sku for sku, attributes in variants.items()
        if attributes.keys() != allowed.keys() or any(attributes[name] not in allowed[name] for name in allowed)
    ]  # fmt: skip
    if wrong:
        raise Refusal(
            "options_mismatch", f"The attributes of {wrong[0]} are not one value of each option of the product.",
            skus=wrong, options=sorted(allowed),
        )  # fmt: skip
    chosen: dict[tuple[str, ...], str] = {}
    for sku, attributes in variants.items():
        same = chosen.setdefault(tuple(attributes[name] for name in allowed), sku)
        if same != sku:
            raise Refusal("variants_alike", f"{same} and {sku} have the same attributes.", skus=[same, sku])
