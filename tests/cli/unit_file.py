"""deploy/corridor.service: systemd accepts it and finds it hardened."""
import os, re, shutil, subprocess, sys, tempfile

if not shutil.which("systemd-analyze"):
    print("skipped: needs systemd-analyze")
    sys.exit(77)

with tempfile.TemporaryDirectory() as folder:
    # systemd wants the program to be there, so the unit is checked with one that is.
    unit = os.path.join(folder, "corridor.service")
    with open("deploy/corridor.service", encoding="utf-8") as file, open(unit, "w", encoding="utf-8") as out:
        out.write(file.read().replace("/usr/local/bin/corridor", os.path.abspath(os.environ.get("CORRIDOR", "build/corridor"))))
    verify = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    mine = [line for line in verify.stderr.splitlines() if "corridor.service" in line]
    print("1..3")
    print(f"{'not ' if verify.returncode or mine else ''}ok 1 - systemd accepts the unit")
    print("".join(f"# {line}\n" for line in mine), end="")
    security = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True)
    found = re.search(r"exposure level for .*?: ([\d.]+)", security.stdout)
    exposure = float(found[1]) if found else 10
    print(f"{'' if exposure <= 1.5 else 'not '}ok 2 - exposure {exposure} of 10, at most 1.5")
    # 2: a wrong configuration; 3: another instance has our name. Started again, two of one name would end each other for ever.
    with open(unit, encoding="utf-8") as file:
        kept_down = re.findall(r"^RestartPreventExitStatus=(.*)$", file.read(), re.M)
    fine = bool(kept_down) and set(kept_down[-1].split()) == {"2", "3"}
    print(f"{'' if fine else 'not '}ok 3 - what starting again does not mend is not started again ({kept_down})")
