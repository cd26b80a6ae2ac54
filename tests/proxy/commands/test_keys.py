from hashlib import sha256

from proxy.config import load


def test_a_new_key_comes_with_its_hash(headgate):
    key, key_hash = (line.split()[1] for line in headgate("keys", "new").output.splitlines())

    assert key_hash == f"sha256:{sha256(key.encode()).hexdigest()}"


def test_every_key_is_another_and_fit_for_a_configuration(headgate, tmp_path):
    keys = {headgate("keys", "new").output.split()[1] for _ in range(3)}
    file = tmp_path / "headgate.yaml"
    clients = ", ".join(f"{{name: c{n}, key: {key}}}" for n, key in enumerate(keys))
    file.write_text(f"clients: [{clients}]\naccounts: [{{name: a, login: oauth}}]")

    assert len(keys) == 3
    assert len(load(file).clients) == 3
