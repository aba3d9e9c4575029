#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""manifest.py FILE: a DaemonSet of Kubernetes (apps/v1), as strictly as its server would look at the fields that it has.

A field that is not in the table below is a misspelt one, or a new one, which then belongs there: its name and type
are those of the API reference, https://kubernetes.io/docs/reference/kubernetes-api/.
"""
import re
import sys

import yaml

NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
LABELS = {re.compile(r"([-a-z0-9.]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"): r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"}
QUANTITY = r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?"
CAPABILITY = r"(?!CAP_)[A-Z][A-Z_]+"
CONTAINER = {
    "name": NAME, "image": r"[a-z0-9./:@_-]+", "command": [r".+"],
    "securityContext": {
        "runAsUser": int, "readOnlyRootFilesystem": bool, "allowPrivilegeEscalation": bool,
        "seccompProfile": {"type": r"Unconfined|RuntimeDefault|Localhost"},
        "capabilities": {"add": [CAPABILITY], "drop": [CAPABILITY]},
    },
    "resources": {"limits": {"memory": QUANTITY, "cpu": QUANTITY}},
    "volumeMounts": [{"name": NAME, "mountPath": r"/[^:]*", "readOnly": bool}],
}
POD = {
    "hostPID": bool, "tolerations": [{"operator": r"Exists|Equal"}], "containers": [CONTAINER],
    "volumes": [{"name": NAME, "hostPath": {"path": r"/.*", "type": r"|DirectoryOrCreate|Directory|FileOrCreate|File|Socket|CharDevice|BlockDevice"}}],
}
DAEMON_SET = {
    "apiVersion": r"apps/v1", "kind": r"DaemonSet", "metadata": {"name": NAME, "namespace": NAME, "labels": LABELS},
    "spec": {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": POD}},
}
REQUIRED = {"name", "image", "mountPath", "path", "containers", "selector", "template", "apiVersion", "kind", "metadata", "spec"}


def check(it, schema, where):
    if isinstance(schema, dict):
        assert isinstance(it, dict), f"{where} is no object"
        for key, value in it.items():
            wanted = [kind for name, kind in schema.items() if (name.fullmatch(key) if hasattr(name, "fullmatch") else name == key)]
            assert wanted, f"{where}: there is no field {key}"
            check(value, wanted[0], f"{where}.{key}")
        missing = {name for name in schema if isinstance(name, str) and name in REQUIRED} - set(it)
        assert where.endswith("template") or where.endswith("template.metadata") or not missing, f"{where}: {missing} missing"
    elif isinstance(schema, list):
        assert isinstance(it, list) and it, f"{where} is no list"
        for i, value in enumerate(it):
            check(value, schema[0], f"{where}[{i}]")
    elif isinstance(schema, str):
        assert isinstance(it, str) and re.fullmatch(schema, it), f"{where}: {it!r} cannot be there"
    else:
        assert type(it) is schema, f"{where}: {it!r} is no {schema.__name__}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        it = yaml.safe_load(file)
    check(it, DAEMON_SET, "manifest")
    template = it["spec"]["template"]
    pod = template["spec"]
    assert it["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items(), "the selector selects other pods"
    assert pod["hostPID"] is True, "it does not see the processes of the host"
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in pod["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes, "a volume is mounted that is not there"
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"], "capabilities are not dropped"


try:
    main()
except (AssertionError, KeyError, yaml.YAMLError) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
