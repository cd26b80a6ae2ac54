def test_a_good_configuration_is_ok(headgate, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text("""\
clients: [{name: alice, key: some-key-of-length-20}]
accounts: [{name: a, url: "http://127.0.0.1:1"}, {name: b, login: oauth}]
""")

    result = headgate("check-config", file)

    assert (result.exit_code, result.output) == (0, "ok: 2 accounts, 1 client\n")


def test_workers_that_are_to_be_found_are_told_of(headgate, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text('discovery: {dns: "workers.internal:9100"}\n')

    result = headgate("check-config", file)

    assert result.output == "ok: 0 accounts and those at workers.internal:9100, 0 clients\n"


def test_every_problem_is_a_line_with_its_path(headgate, tmp_path):
    file = tmp_path / "headgate.yaml"
    file.write_text("accounts: [{name: a, url: nowhere}]\nlisten: x\nextra: 1\n")

    result = headgate("check-config", file)

    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.output.splitlines()] == [
        "listen",
        "accounts[0].url",
        "extra",
    ]


def test_a_warning_is_told_and_is_no_problem(headgate, tmp_path):
    key = tmp_path / "key"
    key.write_text("some-key-of-length-20")
    key.chmod(0o644)
    file = tmp_path / "headgate.yaml"
    file.write_text("""\
clients: [{name: alice, key_file: key}]
accounts: [{name: a, url: "http://127.0.0.1:1"}]
""")

    result = headgate("check-config", file)

    assert result.exit_code == 0
    assert result.output.startswith(f"warning: {key} is open to every user")
