"""Known vulnerabilities of what is installed, by pip-audit, if its database can be reached: the end of `make lint`."""

import json
import subprocess
import sys

UNREACHABLE = ("ConnectionError", "ServiceError", "Max retries", "NameResolution", "Could not connect", "Timeout")


def main() -> None:
    """Print what is found; the status is 1 for a vulnerability, 0 without one or where nobody could ask."""
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "--format", "json"]
    try:
        ran = subprocess.run(
            [*command, "--timeout", "10"], capture_output=True, text=True, encoding="utf-8", timeout=120
        )
    except subprocess.TimeoutExpired:
        sys.exit(print("The database of vulnerabilities did not answer in two minutes: nothing was audited."))
    if ran.returncode and any(word in ran.stderr for word in UNREACHABLE) and not ran.stdout.strip():
        sys.exit(print("The database of vulnerabilities cannot be reached: nothing was audited."))
    try:
        packages = json.loads(ran.stdout)["dependencies"]
    except ValueError:
        sys.exit(f"pip-audit failed: {ran.stderr.strip()[-300:] or 'it is not installed'}")
    audited = [each for each in packages if "skip_reason" not in each]  # a proxy may not know what is asked for
    if not audited:
        sys.exit(print(f"The database of vulnerabilities knows none of {len(packages)} packages: nothing was audited."))
    found = [(each["name"], each["version"], fault) for each in audited for fault in each.get("vulns", ())]
    for name, version, fault in found:
        fixed = ", ".join(fault["fix_versions"]) or "no version"
        print(f"{name} {version}: {fault['id']}, mended in {fixed}")
    print(f"{len(audited)} of {len(packages)} packages audited, {len(found)} known vulnerabilities")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
