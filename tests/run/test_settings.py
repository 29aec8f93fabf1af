"""Every setting, from every source."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import pytest
from cyclopts import App, CycloptsError, Parameter

from collector.cli.config_sources import TomlSettings, from_environment
from collector.model.errors import ConfigError, ExitCode
from collector.model.record_form import ConfigurationAs, Order, Timestamps
from collector.run.ids.id_formats import IdsFormat
from collector.run.organizations.organization_settings import OrganizationSettings
from collector.run.settings import Api, FailOn, Ids, Limits, Output, Redact, Retry, Settings
from collector.snapshot.sinks.resume import Resume

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"

Change = tuple[str, str, str, Any, Any]
"""Section, key, flag, the value that is set and the resulting value."""

SETTINGS: list[Change] = [
    ("api", "base_url", "--base-url", "https://polytomic.example", "https://polytomic.example"),
    ("api", "version", "--api-version", "2024-02-08", "2024-02-08"),
    ("api", "organization_id", "--organization-id", "org", "org"),
    ("api", "organizations", "--organizations", "emea,apac", ("emea", "apac")),
    ("api", "key_file", "--key-file", "/etc/key", "/etc/key"),
    ("api", "key_command", "--key-command", "pass show x", "pass show x"),
    ("api", "key_fd", "--key-fd", 3, 3),
    ("api", "key_keyring", "--key-keyring", "https://service:8443:user", "https://service:8443:user"),
    ("api", "ca_file", "--ca-file", "/etc/ca.pem", "/etc/ca.pem"),
    ("api", "proxy", "--proxy", "http://proxy.example:3128", "http://proxy.example:3128"),
    ("ids", "files", "--ids", "ids.txt", ("ids.txt",)),
    ("ids", "column", "--ids-column", "connection", "connection"),
    ("filter", "type", "--type", "postgresql", ("postgresql",)),
    ("filter", "status", "--status", "!healthy", ("!healthy",)),
    ("filter", "name", "--name", "prod-*", ("prod-*",)),
    ("filter", "updated_since", "--updated-since", "2026-01-31", "2026-01-31"),
    ("ids", "format", "--ids-format", "jsonl", IdsFormat.JSONL),
    ("redact", "also", "--redact-also", "api/auth.header.name", ("api/auth.header.name",)),
    ("redact", "keep", "--redact-keep", "client_id", ("client_id",)),
    ("redact", "fingerprint_key_file", "--fingerprint-key-file", "/etc/key", "/etc/key"),
    ("limits", "rate", "--rate", 12.5, 12.5),
    ("limits", "concurrency", "--concurrency", 3, 3),
    ("limits", "organizations_at_once", "--organizations-at-once", 2, 2),
    ("limits", "max_duration", "--max-duration", 60.5, 60.5),
    ("limits", "max_pause", "--max-pause", 30, 30.0),
    ("limits", "outage_limit", "--outage-limit", 90, 90.0),
    ("retry", "max_attempts", "--max-attempts", 2, 2),
    ("retry", "connect_timeout", "--connect-timeout", 1.5, 1.5),
    ("retry", "read_timeout", "--read-timeout", 2.5, 2.5),
    ("retry", "total_timeout", "--total-timeout", 3.5, 3.5),
    ("retry", "id_timeout", "--id-timeout", 4.5, 4.5),
    ("output", "path", "--output", "c.jsonl", "c.jsonl"),
    ("output", "errors", "--errors", "e.jsonl", "e.jsonl"),
    ("output", "manifest", "--manifest", "m.json", "m.json"),
    ("output", "resume", "--resume", "never", Resume.NEVER),
    ("output", "order", "--order", "input", Order.INPUT),
    ("output", "part_bytes", "--part-bytes", 1000, 1000),
    ("output", "part_records", "--part-records", 10, 10),
    ("output", "max_record_bytes", "--max-record-bytes", 1000, 1000),
    ("output", "configuration_as", "--configuration-as", "string", ConfigurationAs.STRING),
    ("output", "timestamps", "--timestamps", "strict", Timestamps.STRICT),
    ("output", "fail_on", "--fail-on", "drift", FailOn.DRIFT),
    ("tables", "include", "--with", "policies", ("policies",)),
]
SWITCHES = [
    ("redact", "live_schemas", "--live-schemas"),
    ("api", "allow_http", "--allow-http"),
    ("ids", "all", "--all"),
    ("ids", "from_list", "--from-list"),
    ("ids", "cross_check", "--cross-check"),
    ("output", "allow_empty", "--allow-empty"),
    ("limits", "share_quota", "--share-quota"),
    ("log", "quiet", "--quiet"),
    ("log", "verbose", "--verbose"),
    ("log", "debug", "--debug"),
]


def parse(argv: Sequence[str] = (), environ: dict[str, str] | None = None) -> Settings:
    """The settings that a command receives."""
    environ = {} if environ is None else environ
    app = App(config=[from_environment(environ), TomlSettings(environ)], result_action="return_value")

    @app.default
    def command(
        *,
        config: Annotated[str | None, Parameter()] = None,
        settings: Settings = Settings(),  # noqa: B008
    ) -> Settings:
        return settings

    found = app(list(argv), exit_on_error=False, print_error=False)
    assert isinstance(found, Settings)
    return found


def quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def file_with(folder: Path, text: str, name: str = "settings.toml") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)  # independent of the umask; a file that other users can write is rejected
    return str(path)


def value_of(settings: Settings, section: str, key: str) -> Any:
    return getattr(getattr(settings, section), key)


def every_setting() -> Iterator[tuple[str, str]]:
    for section in fields(Settings):
        for key in fields(type(getattr(Settings(), section.name))):
            yield section.name, key.name


def test_without_settings_the_defaults_apply() -> None:
    assert parse() == Settings()


def test_the_defaults_match_the_contract() -> None:
    settings = Settings()
    assert settings.api.base_url == "https://app.polytomic.com"
    assert settings.api.version == "2025-09-18"
    assert (settings.limits.rate, settings.limits.concurrency, settings.limits.max_duration) == (50, 32, None)
    assert settings.limits.max_pause == 900
    assert settings.limits.outage_limit == 600
    assert settings.retry.max_attempts == 5
    assert (settings.retry.connect_timeout, settings.retry.read_timeout, settings.retry.total_timeout) == (10, 30, 60)
    assert (settings.output.path, settings.ids.column, settings.ids.format) == ("-", None, "auto")


def test_every_setting_is_covered_by_these_tests() -> None:
    tried = {(section, key) for section, key, *_ in [*SETTINGS, *SWITCHES]}
    assert set(every_setting()) == tried


@pytest.mark.parametrize("change", SETTINGS, ids=lambda change: change[2])
def test_a_setting_is_the_same_by_flag_environment_and_file(change: Change, tmp_path: Path) -> None:
    section, key, flag, given, expected = change
    path = file_with(tmp_path, f"[{section}]\n{key} = {quoted(given)}\n")
    variable = "COLLECTOR_" + flag[2:].replace("-", "_").upper()
    for settings in (parse([flag, str(given)]), parse((), {variable: str(given)}), parse(["--config", path])):
        assert value_of(settings, section, key) == expected
        assert type(value_of(settings, section, key)) is type(expected)


@pytest.mark.parametrize(("section", "key", "flag"), SWITCHES)
def test_a_switch_is_the_same_by_flag_environment_and_file(section: str, key: str, flag: str, tmp_path: Path) -> None:
    path = file_with(tmp_path, f"[{section}]\n{key} = true\n")
    variable = "COLLECTOR_" + flag[2:].replace("-", "_").upper()
    assert value_of(parse([flag]), section, key) is True
    assert value_of(parse((), {variable: "1"}), section, key) is True
    assert value_of(parse((), {variable: "true"}), section, key) is True
    assert value_of(parse(["--config", path]), section, key) is True
    assert value_of(parse(["--config", path], {variable: "false"}), section, key) is False


def test_a_switch_that_is_on_has_a_flag_that_turns_it_off() -> None:
    assert parse().limits.share_quota is True
    assert parse(["--no-share-quota"]).limits.share_quota is False
    assert parse(["--no-share-quota"], {"COLLECTOR_SHARE_QUOTA": "true"}).limits.share_quota is False


def test_precedence_is_flag_environment_file_default(tmp_path: Path) -> None:
    path = file_with(tmp_path, "[limits]\nrate = 1\nconcurrency = 1\nmax_pause = 1\n")
    environ = {"COLLECTOR_RATE": "2", "COLLECTOR_CONCURRENCY": "2"}
    limits = parse(["--config", path, "--rate", "3"], environ).limits
    assert limits == Limits(rate=3, concurrency=2, max_pause=1, max_duration=None)


def test_a_list_comes_from_one_source_by_precedence(tmp_path: Path) -> None:
    path = file_with(tmp_path, '[ids]\nfiles = ["a.txt", "b.csv"]\n')
    environ = {"COLLECTOR_IDS": os.pathsep.join(["c.txt", "-"])}
    assert parse(["--config", path]).ids.files == ("a.txt", "b.csv")
    assert parse(["--config", path], environ).ids.files == ("c.txt", "-")
    assert parse(["--config", path, "--ids", "-", "--ids", "d.txt"], environ).ids.files == ("-", "d.txt")


def test_an_empty_variable_counts_as_unset() -> None:
    assert parse((), {"COLLECTOR_RATE": "", "POLYTOMIC_DEPLOYMENT_URL": "", "COLLECTOR_CONFIG": ""}) == Settings()


def test_the_deployment_variable_ranks_between_collectors_variable_and_the_file(tmp_path: Path) -> None:
    path = file_with(tmp_path, '[api]\nbase_url = "https://file.example"\n')
    environ = {"POLYTOMIC_DEPLOYMENT_URL": "deployment.example"}
    assert parse(["--config", path]).api.base_url == "https://file.example"
    assert parse(["--config", path], environ).api.base_url == "https://deployment.example"
    environ["COLLECTOR_BASE_URL"] = "https://collector.example"
    assert parse(["--config", path], environ).api.base_url == "https://collector.example"
    assert parse(["--base-url", "https://flag.example"], environ).api.base_url == "https://flag.example"


def test_the_file_is_that_of_the_flag_else_the_variable_else_the_user(tmp_path: Path) -> None:
    by_flag = file_with(tmp_path, "[limits]\nrate = 1\n", "flag.toml")
    by_variable = file_with(tmp_path, "[limits]\nrate = 2\n", "variable.toml")
    file_with(tmp_path, "[limits]\nrate = 3\n", "xdg/collector/config.toml")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert parse((), environ).limits.rate == 3
    environ["COLLECTOR_CONFIG"] = by_variable
    assert parse((), environ).limits.rate == 2
    assert parse(["--config", by_flag], environ).limits.rate == 1


def test_without_a_configured_folder_the_home_folder_is_searched(tmp_path: Path) -> None:
    file_with(tmp_path, "[limits]\nrate = 4\n", ".config/collector/config.toml")
    assert parse((), {"HOME": str(tmp_path)}).limits.rate == 4
    assert parse((), {"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}).limits.rate == 4


@pytest.mark.parametrize("home", ["", ".", "xdg"])
def test_a_configuration_file_in_the_current_folder_is_ignored(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("config.toml", "collector.toml", "collector/config.toml", "xdg/collector/config.toml"):
        file_with(tmp_path, '[api]\nbase_url = "https://evil.example"\n', name)
    file_with(tmp_path, '[api]\nbase_url = "https://evil.example"\n', ".config/collector/config.toml")
    monkeypatch.chdir(tmp_path)
    assert parse((), {"XDG_CONFIG_HOME": home}) == Settings()
    assert parse((), {"HOME": home}) == Settings()


@pytest.mark.parametrize("by", ["flag", "variable"])
def test_a_missing_configuration_file_is_an_error_that_names_it(by: str, tmp_path: Path) -> None:
    path = str(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match=f"{path}: cannot be read") as caught:
        parse(["--config", path] if by == "flag" else [], {"COLLECTOR_CONFIG": path} if by == "variable" else {})
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_relative_settings_folder_is_ignored(tmp_path: Path) -> None:
    """By the XDG Base Directory Specification a relative path is invalid and must be ignored."""
    file_with(tmp_path, "[limits]\nrate = 4\n", ".config/collector/config.toml")
    assert parse((), {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "xdg"}).limits.rate == 4


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_other_users_can_change_is_an_error_with_the_command_that_fixes_it(
    mode: int, tmp_path: Path
) -> None:
    path = Path(file_with(tmp_path, "[limits]\nrate = 1\n", "collector/config.toml"))
    path.chmod(mode)
    for argv, environ in (
        (["--config", str(path)], {}),
        ([], {"COLLECTOR_CONFIG": str(path)}),
        ([], {"XDG_CONFIG_HOME": str(tmp_path)}),
    ):
        with pytest.raises(
            ConfigError, match=f"where the key goes, and other users can change it; run: chmod go-w {path}"
        ):
            parse(argv, environ)


def test_a_proxy_password_is_accepted_from_environment_and_file_but_not_from_a_flag(tmp_path: Path) -> None:
    proxy = "http://user:secret-9@proxy.example:3128"
    path = file_with(tmp_path, f'[api]\nproxy = "{proxy}"\n')
    assert parse((), {"COLLECTOR_PROXY": proxy}).api.proxy == proxy
    assert parse(["--config", path]).api.proxy == proxy
    with pytest.raises(ConfigError, match="COLLECTOR_PROXY") as caught:
        parse(["--proxy", proxy])
    assert "secret-9" not in str(caught.value)


def test_the_repr_of_the_settings_hides_a_proxy_password() -> None:
    settings = Settings(api=Api(proxy="http://user:secret-9@proxy.example:3128"))
    assert "secret-9" not in repr(settings)
    assert "secret-9" not in repr(settings.api)


@pytest.mark.parametrize(
    "given", ["ftp://u:secret-9@host", "u:secret-9@host", "http://u:secret-9@host/x", "", "http://"]
)
def test_an_invalid_proxy_is_an_error_that_does_not_quote_it(given: str) -> None:
    with pytest.raises(ConfigError, match=r"\[api\] proxy") as caught:
        Api(proxy=given)
    assert "secret-9" not in str(caught.value)


@pytest.mark.parametrize(
    ("proxy", "allow_http", "is_safe"),
    [
        ("http://127.0.0.1:3128", False, True),
        ("http://proxy.example:3128", False, False),
        ("https://proxy.example:3128", False, False),
        ("http://proxy.example:3128", True, True),
    ],
)
def test_a_remote_proxy_receives_the_key_over_plain_http_only_with_allow_http(
    proxy: str, allow_http: bool, is_safe: bool
) -> None:
    def make() -> Api:
        return Api(base_url="http://127.0.0.1", proxy=proxy, allow_http=allow_http)

    if is_safe:
        assert make().proxy == proxy
        return
    with pytest.raises(ConfigError, match=r"proxy\.example would receive the key"):
        make()


def test_a_folder_as_configuration_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}: cannot be read"):
        parse(["--config", str(tmp_path)])


@pytest.mark.parametrize("content", [b"rate == 5", b"[limits", b"\xff\xfe", b"[limits]\nrate = 1\nrate = 2\n"])
def test_a_file_that_is_not_toml_is_an_error_that_names_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{path}: not TOML"):
        parse(["--config", str(path)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[limit]\nrate = 1\n", r"\[limit\] is not a section; did you mean limits\?"),
        (
            "[zzz]\nrate = 1\n",
            r"\[zzz\] is not a section; there are api, filter, ids, limits, log, organizations, output, redact, retry",
        ),
        ("[limits]\nrat = 1\n", r"\[limits\] rat is not a setting; did you mean rate\?"),
        ("[limits]\nmax_attempts = 1\n", r"\[limits\] max_attempts is not a setting"),
        ("[limits]\nmax-pause = 1\n", r"\[limits\] max-pause is not a setting; did you mean max_pause\?"),
        ('[api]\nkey = "secret"\n', r"\[api\] key is not a setting; did you mean key_fd\?"),
        ("rate = 1\n", r"\[rate\] is outside a section"),
        ("limits = 1\n", r"\[limits\] is outside a section"),
        ("[[limits]]\nrate = 1\n", r"\[limits\] is outside a section"),
        ("[api.limits]\nrate = 1\n", r"\[api\] limits is not a setting"),
    ],
)
def test_an_unknown_name_in_the_file_is_an_error_that_names_it(text: str, message: str, tmp_path: Path) -> None:
    path = file_with(tmp_path, text)
    with pytest.raises(ConfigError, match=f"^{re.escape(path)}: {message}"):
        parse(["--config", path])


@pytest.mark.parametrize(
    "content", ["\ufeff[limits]\r\nrate = 7.5\r\n", "\ufeff[limits]\nrate = 7.5", "[limits]\r\nrate = 7.5"]
)
def test_a_file_saved_by_a_windows_editor_is_read(content: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(content.encode())
    assert parse(["--config", str(path)]).limits.rate == 7.5


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_a_file_in_another_encoding_is_an_error_with_advice(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes("[limits]\nrate = 7.5\n".encode(encoding))
    with pytest.raises(ConfigError, match=f"{path}: not TOML: saved as UTF-16 or UTF-32; save it as UTF-8"):
        parse(["--config", str(path)])


def test_a_file_in_latin_1_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes("[limits]\n# Größe\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"not TOML: not UTF-8 \(line 2\); save it as UTF-8"):
        parse(["--config", str(path)])


@pytest.mark.parametrize("service", ["COLLECTOR", "COLLECTOR_OUTPUT", "COLLECTOR_RATE"])
def test_kubernetes_service_links_are_ignored_but_a_misspelt_setting_is_an_error(
    service: str,
) -> None:
    links = {f"{service}_PORT": "tcp://10.0.48.109:4317", f"{service}_SERVICE_HOST": "10.0.48.109"}
    assert parse((), links) == Settings()
    assert parse((), {**links, "COLLECTOR_RATE": "7"}).limits.rate == 7
    with pytest.raises(ConfigError, match="COLLECTOR_RAT is not a setting; did you mean COLLECTOR_RATE"):
        parse((), {**links, "COLLECTOR_RAT": "7"})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("COLLECTOR_RAT", "did you mean COLLECTOR_RATE"),
        ("COLLECTOR_API_KEY", "is not a setting"),
        ("COLLECTOR_ZZZZZZZZ", "is not a setting; "),
    ],
)
def test_an_unknown_collector_variable_is_an_error_that_names_it(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"environment: {name} .*{message}"):
        parse((), {name: "1"})


def test_variables_without_the_prefix_are_ignored() -> None:
    assert parse((), {"COLLECTORS_RATE": "1", "RATE": "1", "PATH": "/bin", "collector_rate": "1"}) == Settings()


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("limits", "rate", '"fast"'),
        ("limits", "rate", "true"),
        ("limits", "concurrency", "2.5"),
        ("limits", "rate", "[1, 2]"),
        ("retry", "max_attempts", '"many"'),
        ("limits", "rate", "{ a = 1 }"),
        ("log", "quiet", '"perhaps"'),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error_that_names_its_setting(
    section: str, key: str, value: str, tmp_path: Path
) -> None:
    path = file_with(tmp_path, f"[{section}]\n{key} = {value}\n")
    with pytest.raises((CycloptsError, ConfigError)) as caught:
        parse(["--config", path])
    assert key in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(rate=-1), r"\[limits\] rate"),
        (lambda: Limits(rate=float("nan")), r"\[limits\] rate"),
        (lambda: Limits(rate=float("inf")), r"\[limits\] rate"),
        (lambda: Limits(concurrency=0), r"\[limits\] concurrency"),
        (lambda: Limits(concurrency=1001), r"\[limits\] concurrency"),
        (lambda: Limits(max_duration=0), r"\[limits\] max_duration"),
        (lambda: Limits(max_duration=float("nan")), r"\[limits\] max_duration"),
        (lambda: Limits(max_pause=-1), r"\[limits\] max_pause"),
        (lambda: Limits(max_pause=float("nan")), r"\[limits\] max_pause"),
        (lambda: Limits(outage_limit=0), r"\[limits\] outage_limit"),
        (lambda: Limits(outage_limit=float("inf")), r"\[limits\] outage_limit"),
        (lambda: Retry(id_timeout=0), r"\[retry\] id_timeout"),
        (lambda: Retry(max_attempts=0), r"\[retry\] max_attempts"),
        (lambda: Retry(max_attempts=101), r"\[retry\] max_attempts"),
        (lambda: Retry(connect_timeout=0), r"\[retry\] connect_timeout"),
        (lambda: Retry(read_timeout=-1), r"\[retry\] read_timeout"),
        (lambda: Retry(total_timeout=float("nan")), r"\[retry\] total_timeout"),
        (lambda: Api(version=""), r"\[api\] version"),
        (lambda: Api(version="2025\r\nX: y"), r"\[api\] version"),
        (lambda: Api(key_file="a", key_command="b"), r"\[api\] key_command and key_file"),
        (lambda: Api(key_fd=3, key_keyring="s:u", key_file="a"), r"\[api\] key_file and key_fd and key_keyring"),
        (lambda: Api(key_command=""), r"\[api\] key_command"),
        (lambda: Api(key_file=""), r"\[api\] key_file"),
        (lambda: Api(key_file="--rate"), r"\[api\] key_file"),
        (lambda: Api(key_fd=0), r"\[api\] key_fd"),
        (lambda: Api(key_fd=2), r"\[api\] key_fd"),
        (lambda: Api(key_keyring="service"), r"\[api\] key_keyring"),
        (lambda: Api(key_keyring=":user"), r"\[api\] key_keyring"),
        (lambda: Api(key_keyring="service:"), r"\[api\] key_keyring"),
        (lambda: Api(organization_id="org:key"), r"\[api\] organization_id"),
        (lambda: Settings(api=Api(key_file="-"), ids=Ids(files=("a", "-"))), r"\[api\] key_file"),
        (lambda: Ids(files=("--rate",)), r"\[ids\] files"),
        (lambda: Ids(files=("",)), r"\[ids\] files"),
        (lambda: Output(path=""), r"\[output\] path"),
        (lambda: Output(path="--ids"), r"\[output\] path"),
        (lambda: Output(max_record_bytes=-1), r"\[output\] max_record_bytes"),
        (lambda: Output(max_record_bytes=2**64), r"\[output\] max_record_bytes"),
        (lambda: Settings(ids=Ids(from_list=True), output=Output(order=Order.INPUT)), r"\[output\] order"),
    ],
)
def test_a_value_outside_its_range_is_an_error_that_names_its_setting(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("value", ["0", "100000", "0.001"])
def test_a_range_includes_its_bounds(value: str) -> None:
    assert parse(["--rate", value]).limits.rate == float(value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://app.polytomic.com", "https://app.polytomic.com"),
        ("https://app.polytomic.com/", "https://app.polytomic.com"),
        ("https://host.example/polytomic/", "https://host.example/polytomic"),
        ("app.eu.polytomic.com", "https://app.eu.polytomic.com"),
        ("host.example:8443", "https://host.example:8443"),
        ("HTTPS://Host.EXAMPLE:443", "https://host.example"),
        ("http://[::ffff:127.0.0.1]:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://api.localhost", "http://api.localhost"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_base_url_is_normalized(given: str, expected: str) -> None:
    assert Api(base_url=given).base_url == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "https://",
        "https:///path",
        "ftp://host.example",
        "file:///etc/passwd",
        "https://user@host.example",
        "https://user:password@host.example",
        "https://@host.example",
        "https://host.example?x=1",
        "https://host.example/#top",
        "https://host.example:port",
        "https://host.example:99999",
        "https://[::1",
        "https://host example",
        "https://host.example/a b",
        "https://host.example/\r\nX: y",
    ],
)
def test_an_invalid_base_url_is_an_error(given: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        Api(base_url=given)


@pytest.mark.parametrize("given", ["https://u:secret-9@host", "ftp://u:secret-9@host", "https://u:secret-9@host:port"])
def test_a_password_in_a_base_url_is_not_quoted(given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Api(base_url=given)
    assert "secret-9" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        "http://app.polytomic.com",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://10.0.0.1",
        "http://[::2]",
    ],
)
def test_a_key_travels_unencrypted_to_another_host_only_with_allow_http(given: str) -> None:
    with pytest.raises(ConfigError, match="unencrypted"):
        Api(base_url=given)
    assert Api(base_url=given, allow_http=True).base_url == given


@pytest.mark.parametrize("name", ["key_file", "key_keyring", "organization_id", "version"])
def test_a_key_in_place_of_a_name_is_an_error_that_does_not_quote_it(name: str) -> None:
    for given in ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "Bearer abc"):
        with pytest.raises(ConfigError, match=rf"\[api\] {name} must be") as caught:
            parse((), {"COLLECTOR_API_VERSION" if name == "version" else f"COLLECTOR_{name.upper()}": given})
        assert given not in str(caught.value)


def test_an_existing_key_file_may_have_a_name_that_looks_like_a_key(tmp_path: Path) -> None:
    path = file_with(tmp_path, "key", "4eC39HqLyjWDarjtT1zdp7dc")
    assert Api(key_file=path).key_file == path
    assert Api(
        key_file=str(tmp_path / "4eC39HqLyjWDarjtT1zdp7dd")
    ).key_file  # a path is not a key, even if the file is missing


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().limits.rate = 5  # type: ignore[misc]  # the assignment under test


def test_no_flag_takes_a_key() -> None:
    for flag in ("--key", "--api-key", "--token", "--password"):
        with pytest.raises(CycloptsError):
            parse([flag, "secret"])


def test_the_example_configuration_equals_the_defaults(tmp_path: Path) -> None:
    assert parse(["--config", file_with(tmp_path, EXAMPLE.read_text())]) == Settings()


def test_the_example_contains_every_setting_in_its_section() -> None:
    # A setting without a default is commented out.
    found = tomllib.loads(re.sub(r"^# (\w+ = |\[\[)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE))
    del found["organizations"]
    assert {(section, key) for section, keys in found.items() for key in keys} == set(every_setting())


def test_the_example_shows_organizations_that_are_valid(tmp_path: Path) -> None:
    content = re.sub(r"^# (\w+ = |\[\[)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    tables = content[content.index("\n[[organizations]]\n") :]
    assert organizations_in(tmp_path, tables) == (
        OrganizationSettings(label="emea", key_file="/etc/collector/emea-key"),
        OrganizationSettings(id="248df4b7-aa70-47b8-a036-33ac447e668d", label="apac"),
    )


def organizations_in(folder: Path, content: str) -> tuple[OrganizationSettings, ...]:
    """The organizations of a configuration file with this content."""
    source = TomlSettings({})
    app = App(config=[source], result_action="return_value")

    @app.default
    def command(*, config: str | None = None, settings: Annotated[Settings, Parameter(name="*")] = Settings()) -> None:  # noqa: B008  # frozen
        assert settings == Settings()

    app(["--config", file_with(folder, content)], exit_on_error=False, print_error=False)
    return source.organizations


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[organizations]\nid = 'a'", "organizations is not a list of tables; begin each organization with"),
        ("organizations = ['a']", "organizations is not a list of tables"),
        ("[[organizations]]\nlabl = 'a'", r"\[\[organizations\]\] labl is not a setting; did you mean label\?"),
        ("[[organizations]]", r"\[\[organizations\]\] id or label must be set"),
        ("[[organizations]]\nid = 3", r"\[\[organizations\]\] id must be a text"),
        ("[[organizations]]\nid = 'a'\nkey_fd = '3'", r"\[\[organizations\]\] key_fd must be an integer"),
        ("[[organizations]]\nid = 'a'\nkey_fd = true", r"\[\[organizations\]\] key_fd must be an integer"),
        ("[[organizations]]\nid = 'a/b'", r"\[\[organizations\]\] id must be 1 to 100 letters, digits"),
        ("[[organizations]]\nlabel = '../b'\nkey_fd = 3", r"\[\[organizations\]\] label must be 1 to 100 letters"),
        ("[[organizations]]\nlabel = 'a'", r"\[\[organizations\]\] a: without an id it needs the key of a user"),
        (
            "[[organizations]]\nid = 'a'\nkey_fd = 3\nkey_file = 'k'",
            r"a key_file and key_fd must be alternatives; set only one key source",
        ),
        ("[[organizations]]\nid = 'a'\nkey_fd = 2", "a key_fd must be 3 or above"),
        ("[[organizations]]\nid = 'a'\nkey_file = '4eC39HqLyjWDarjtT1zdp7dc'", "a key_file must be a name, and not"),
    ],
)
def test_an_invalid_organization_is_an_error_that_says_why(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        organizations_in(tmp_path, content)
    assert "4eC39" not in str(caught.value)


@pytest.mark.parametrize(
    ("organizations", "message"),
    [
        (("all", "a"), "must be all by itself, or a list of ids and labels"),
        (("a", ""), "must be all by itself, or a list of ids and labels"),
        (("a/b",), "must be all by itself, or a list of ids and labels"),
        (("4eC39HqLyjWDarjtT1zdp7dc",), "must be all by itself, or a list of ids and labels"),
    ],
)
def test_invalid_names_of_organizations_are_rejected(organizations: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^\[api\] organizations {message}$"):
        Api(organizations=organizations)


def test_one_organization_and_several_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match=r"\[api\] organization_id must be unset when organizations is set"):
        Api(organization_id="a", organizations=("b",))


def test_the_example_comments_out_exactly_the_settings_without_a_default() -> None:
    example = tomllib.loads(EXAMPLE.read_text())
    for section, key in every_setting():
        default = value_of(Settings(), section, key)
        assert (key in example[section]) == (default is not None), f"[{section}] {key}"


@pytest.mark.parametrize("rule", ["", "a b/c", "a..b", "*", "x[0]", "/x"])
def test_an_invalid_field_name_is_rejected_as_a_redaction_rule(rule: str) -> None:
    with pytest.raises(ConfigError, match=r"\[redact\] also must be a list of field names or paths"):
        Redact(also=(rule,))


def test_a_field_cannot_be_both_kept_and_masked() -> None:
    with pytest.raises(ConfigError, match=r"\[redact\] keep must be disjoint from also; both contain b"):
        Redact(also=("a", "b"), keep=("b",))


def test_the_digest_of_redaction_settings_ignores_order() -> None:
    assert Redact().digest() == ""
    assert Redact(also=("a", "b")).digest() == Redact(also=("b", "a")).digest() != Redact(keep=("a", "b")).digest()
    one, two = Redact(fingerprint_key_file="/one"), Redact(fingerprint_key_file="/two")
    assert one.digest() != two.digest()
    assert one.as_manifest() == {"also": [], "keep": [], "fingerprints": True, "live_schemas": False}
