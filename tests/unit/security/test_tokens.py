import re
from datetime import timedelta
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, NotFound, Unauthenticated
from lichen.core.ids import DEFAULT_TENANT, TenantId
from lichen.security.admin_key import ensure_admin_key
from lichen.security.identity import Principal, Role
from lichen.security.tokens import KeyRing, Keys
from lichen.store.documents import MemoryDocuments

ANA = Principal("ana", TenantId("lab"), Role.OPERATOR)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def keys(documents: MemoryDocuments, clock: ManualClock) -> Keys:
    return Keys(documents, clock)


@pytest.fixture
def ring(documents: MemoryDocuments, clock: ManualClock) -> KeyRing:
    return KeyRing(documents, clock)


def test_a_key_opens_after_the_ring_was_reloaded(keys: Keys, ring: KeyRing) -> None:
    token = keys.create(ANA).token
    with pytest.raises(Unauthenticated):
        ring.authenticate(f"Bearer {token}")
    ring.reload()
    assert ring.authenticate(f"Bearer {token}") == ANA
    assert ring.authenticate(f"bearer  {token} ") == ANA


def test_a_token_has_256_bits_and_is_not_kept(keys: Keys, documents: MemoryDocuments) -> None:
    made = keys.create(ANA)
    assert re.fullmatch(r"lk_[0-9a-f]{12}_[0-9a-f]{64}", made.token)
    assert made.token.rpartition("_")[2].encode() not in documents.scan("keys")[0].body
    assert made.token != keys.create(ANA).token
    assert {record.id for record in keys.records()} >= {made.record.id}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer lk_0_0",
        f"Bearer lk_000000000000_{'0' * 64}",
        "Bearer \udcff",
        "Bearer \x00é",
    ],
)
def test_other_headers_open_nothing(keys: Keys, ring: KeyRing, header: str) -> None:
    keys.create(ANA)
    ring.reload()
    with pytest.raises(Unauthenticated):
        ring.authenticate(header)


def test_nearly_the_key_opens_nothing(keys: Keys, ring: KeyRing) -> None:
    token = keys.create(ANA).token
    ring.reload()
    for wrong in (token[:-1], token + "0", token.upper(), token[:-1] + "g"):
        with pytest.raises(Unauthenticated):
            ring.authenticate(f"Bearer {wrong}")


def test_a_revoked_key_opens_nothing_and_stays_listed(
    keys: Keys, ring: KeyRing, clock: ManualClock
) -> None:
    made = keys.create(ANA)
    clock.advance(60)
    revoked = keys.revoke(made.record.id)
    assert revoked.revoked_at == clock.now()
    assert keys.revoke(made.record.id) == revoked
    ring.reload()
    with pytest.raises(Unauthenticated, match="revoked"):
        ring.authenticate(f"Bearer {made.token}")
    assert keys.records() == (revoked,)
    with pytest.raises(NotFound, match="no key 'other'"):
        keys.revoke("other")


def test_a_key_expires_by_the_clock(keys: Keys, ring: KeyRing, clock: ManualClock) -> None:
    token = keys.create(ANA, clock.now() + timedelta(hours=1)).token
    ring.reload()
    clock.advance(3599)
    assert ring.authenticate(f"Bearer {token}") == ANA
    clock.advance(1)
    with pytest.raises(Unauthenticated, match="expired"):
        ring.authenticate(f"Bearer {token}")


def test_a_caller_without_a_key_is_refused_unless_a_role_was_given(
    documents: MemoryDocuments, clock: ManualClock
) -> None:
    with pytest.raises(Unauthenticated, match="send it as"):
        KeyRing(documents, clock).authenticate(None)
    open_ring = KeyRing(documents, clock, Role.PREDICTOR)
    assert open_ring.authenticate(None) == Principal("anonymous", DEFAULT_TENANT, Role.PREDICTOR)
    with pytest.raises(Unauthenticated):
        open_ring.authenticate("Bearer wrong")


def test_names_are_checked(keys: Keys) -> None:
    with pytest.raises(InvalidInput, match="principal name"):
        keys.create(Principal("a b", DEFAULT_TENANT, Role.VIEWER))


def test_more_keys_than_one_page(
    keys: Keys, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lichen.store.documents.SCAN_LIMIT", 3)
    tokens = [keys.create(ANA).token for _ in range(7)]
    ring.reload()
    assert len(keys.records()) == 7
    assert all(ring.authenticate(f"Bearer {token}") == ANA for token in tokens)


def test_the_admin_key_is_made_once_for_the_owner_alone(
    keys: Keys, ring: KeyRing, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "admin.key"
    token = ensure_admin_key(path, keys, clock)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == f"{token}\n"
    path.chmod(0o644)
    assert ensure_admin_key(path, keys, clock) == token
    assert path.stat().st_mode & 0o777 == 0o600, "put back from a backup"
    ring.reload()
    assert ring.authenticate(f"Bearer {token}").role is Role.ADMIN
    assert [child.name for child in tmp_path.iterdir()] == ["admin.key"]


def test_an_admin_key_whose_record_was_never_written_is_mended(
    clock: ManualClock, tmp_path: Path
) -> None:
    token = ensure_admin_key(tmp_path / "admin.key", Keys(MemoryDocuments(), clock), clock)
    after_a_crash = MemoryDocuments()
    ensure_admin_key(tmp_path / "admin.key", Keys(after_a_crash, clock), clock)
    ring = KeyRing(after_a_crash, clock)
    assert ring.authenticate(f"Bearer {token}").name == "admin"


def test_a_revoked_admin_key_stays_revoked(
    keys: Keys, ring: KeyRing, clock: ManualClock, tmp_path: Path
) -> None:
    token = ensure_admin_key(tmp_path / "admin.key", keys, clock)
    keys.revoke(keys.records()[0].id)
    ensure_admin_key(tmp_path / "admin.key", keys, clock)
    ring.reload()
    with pytest.raises(Unauthenticated):
        ring.authenticate(f"Bearer {token}")


def test_another_file_in_the_place_of_the_admin_key(
    keys: Keys, clock: ManualClock, tmp_path: Path
) -> None:
    (tmp_path / "admin.key").write_bytes(b"\xffsecret")
    with pytest.raises(InvalidInput, match="holds no API key: remove the file"):
        ensure_admin_key(tmp_path / "admin.key", keys, clock)
