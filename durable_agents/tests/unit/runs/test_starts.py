from pydantic import BaseModel

from durable_agents.runs.starts import fingerprint, instance_id_for, new_instance_id


class Body(BaseModel):
    topic: str
    limit: int = 3


def test_a_body_is_recognised_whatever_the_defaults_are() -> None:
    assert fingerprint(Body(topic="tea"), {"topic"}) == fingerprint(Body(topic="tea", limit=5), {"topic"})
    assert fingerprint(Body(topic="tea"), {"topic"}) != fingerprint(Body(topic="coffee"), {"topic"})
    assert fingerprint(Body(topic="tea"), {"topic"}) != fingerprint(Body(topic="tea"), {"topic", "limit"})


def test_one_key_of_one_orchestration_is_one_instance() -> None:
    assert instance_id_for("a", "k") == instance_id_for("a", "k")
    assert len({instance_id_for("a", "k"), instance_id_for("b", "k"), instance_id_for("a", "l")}) == 3
    assert new_instance_id("a") != new_instance_id("a")
