"""The parameters PaymentIntents take, endpoint by endpoint."""

from dev.stripe.currencies import currency
from dev.stripe.form import (
    SHIPPING,
    Check,
    Schema,
    boolean,
    integer,
    list_of,
    metadata,
    nested,
    one_of,
    string,
)  # fmt: skip
from dev.stripe.payment_methods import DATA as METHOD_DATA

TYPES = one_of("card", "us_bank_account", "link")
CARD_OPTIONS = {
    "request_three_d_secure": one_of("any", "automatic", "challenge"),
    "request_multicapture": one_of("if_available", "never"),
    "setup_future_usage": one_of("none", "off_session", "on_session"),
    "capture_method": one_of("manual"),
}
PLAIN: dict[str, Check] = {
    "description": string(unset=True),
    "receipt_email": string(unset=True),
    "setup_future_usage": one_of("off_session", "on_session", unset=True),
    "shipping": SHIPPING,
    "statement_descriptor": string(longest=22, unset=True),
    "statement_descriptor_suffix": string(longest=22, unset=True),
    "transfer_group": string(),
    "capture_method": one_of("automatic", "automatic_async", "manual"),
    "payment_method_types": list_of(TYPES),
}
METHOD: dict[str, Check] = {
    "payment_method": string(),
    "payment_method_data": nested(METHOD_DATA, required=("type",)),
    "payment_method_options": nested({"card": nested(CARD_OPTIONS)}),
}
CONFIRMING: dict[str, Check] = METHOD | {
    "return_url": string(),
    "off_session": lambda value, param: value == "one_off" or value == "recurring" or boolean(value, param),
    "error_on_requires_action": boolean,
    "use_stripe_sdk": boolean,
    "mandate_data": nested({"customer_acceptance": nested({"type": string(), "accepted_at": integer()})}),
}
SHARED: dict[str, Check] = {"metadata": metadata, "expand": list_of(string())}
MONEY: dict[str, Check] = {"amount": integer(least=1), "currency": currency}
CREATE = Schema(
    MONEY | PLAIN | CONFIRMING | SHARED | {
        "confirm": boolean,
        "customer": string(),
        "confirmation_method": one_of("automatic", "manual"),
        "automatic_payment_methods": nested(
            {"enabled": boolean, "allow_redirects": one_of("always", "never")}, required=("enabled",)
        ),
    },
    required=("amount", "currency"),
)  # fmt: skip
UPDATE = Schema(MONEY | PLAIN | METHOD | SHARED | {"customer": string()})
CONFIRM = Schema(CONFIRMING | SHARED | {name: PLAIN[name] for name in (
    "capture_method", "payment_method_types", "receipt_email", "setup_future_usage", "shipping",
)})  # fmt: skip
CAPTURE = Schema(
    SHARED | {
        "amount_to_capture": integer(least=1),
        "final_capture": boolean,
        "statement_descriptor": PLAIN["statement_descriptor"],
        "statement_descriptor_suffix": PLAIN["statement_descriptor_suffix"],
    }
)  # fmt: skip
CANCEL = Schema(
    {"cancellation_reason": one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer")} | SHARED
)
