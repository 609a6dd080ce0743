import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from activities.pay_out import Payment, pay_out


def test_a_payment_is_made_once_for_its_key(tmp_path: Path) -> None:
    payment = Payment(key="k", payee="ada@example.com", amount_cents=100, reference="Train")
    first = pay_out(payment, outbox_dir=tmp_path)
    assert pay_out(payment.model_copy(update={"amount_cents": 200}), outbox_dir=tmp_path) == first
    assert json.loads(Path(first.location).read_text(encoding="utf-8"))["amount_cents"] == 100
    assert len(list((tmp_path / "payments").iterdir())) == 1


def test_nothing_is_no_payment() -> None:
    with pytest.raises(ValidationError):
        Payment(key="k", payee="ada@example.com", amount_cents=0, reference="Train")
