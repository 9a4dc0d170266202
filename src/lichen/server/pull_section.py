"""What can be set of `lichen models pull`: from where, as whom, how much."""

from dataclasses import dataclass
from pathlib import Path

from lichen.server.setting import setting


@dataclass(frozen=True, slots=True)
class PullSettings:
    """Where models may be fetched from, and as whom."""

    pull_networks: str | None = setting(
        None,
        "Networks in private ranges, or of this machine, that models may be pulled from, with "
        "commas: `10.1.0.0/16,::1/128`. Unset: public addresses alone are asked, whatever a name "
        "or a redirect leads to.",
    )
    pull_http: bool = setting(
        False,  # noqa: FBT003 - the default of this setting
        "Whether models may be pulled without TLS (`http://`, `oci+http://`).",
        choices=("true", "false"),
    )
    pull_folders: str | None = setting(
        None,
        "Folders of this machine below which `file:` may read, with colons. Unset: none.",
    )
    pull_proxy: str | None = setting(
        None,
        "Proxy that pulls go through, `http://user:password@host:3128`. It looks names up then; "
        "what this machine knows of a name is judged all the same.",
        secret=True,
    )
    pull_ca: Path | None = setting(  # noqa: RUF009 - dataclasses.field behind it
        None,
        "PEM file of the authorities that pulls trust. Unset: the public ones.",
    )
    pull_bytes: int = setting(
        8 * 2**30, "Most that one pull may fetch, or unpack to, in bytes.", least=1
    )
    pull_seconds: float = setting(
        6 * 3600.0, "Longest time that the fetching of one pull may take.", least=0.1
    )
    pull_stall_seconds: float = setting(
        30.0, "Longest time that a server may send nothing before it is asked again.", least=0.1
    )
    pull_tokens: str | None = setting(
        None,
        "Tokens by host, `models.example=TOKEN`, with commas: sent as `Authorization: Bearer` "
        "over TLS to that host, and to no other that it redirects to.",
        secret=True,
    )
    pull_hub_url: str = setting(
        "https://huggingface.co",
        "Address that `hf://` is asked at: the Hugging Face Hub, or your mirror of it, which is "
        "asked wherever it is.",
    )
    pull_hub_token: str | None = setting(
        None, "Token of the Hub, for private and gated repositories.", secret=True
    )
    pull_s3_endpoint: str | None = setting(
        None,
        "Address of the store of `s3://`, which is asked wherever it is. Unset: Amazon's of the "
        "region.",
    )
    pull_s3_region: str = setting("us-east-1", "Region of the buckets.")
    pull_s3_access_key: str | None = setting(
        None, "Access key of the buckets. Unset: requests are not signed.", secret=True
    )
    pull_s3_secret_key: str | None = setting(None, "Secret key beside it.", secret=True)
    pull_s3_session_token: str | None = setting(
        None, "Session token, of keys that last for a while only.", secret=True
    )
    pull_registry_logins: Path | None = setting(  # noqa: RUF009 - dataclasses.field behind it
        None,
        "File of logins of registries, as `docker login` and `podman login` write it; each goes to "
        "its own registry.",
    )
