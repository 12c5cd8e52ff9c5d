"""Session tickets of the whole proxy: keys begun by command and by certificate."""
import pytest

pytestmark = pytest.mark.core


def rotations(proxy, reason):
    return [line for line in proxy.events("ticket_keys_rotated") if line["reason"] == reason]


def test_tickets_rotate_begins_a_new_key(proxy):
    said = proxy.command("tickets", "rotate", "-c", str(proxy.config), check=0).stdout
    assert "a new key seals from now on" in said
    assert len(rotations(proxy, "command")) == 1
    assert proxy.events("ticket_keys_rotated")[-1]["keys"] == "2"


def test_another_certificate_begins_a_new_key(proxy, pki):
    proxy.hup()
    assert not rotations(proxy, "certificates")
    pki.other.install(proxy.cert, proxy.key)
    proxy.hup()
    assert len(rotations(proxy, "certificates")) == 1
