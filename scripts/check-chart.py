"""Checks the Helm chart with Helm itself (its Go code, as the package helm-python-sdk brings it): lint, the schema of the values,
and what is rendered, which is put into a directory for kubernetes-validate and must be what ops/kubernetes.yml says.

  usage: check-chart.py DIRECTORY
"""

import pathlib
import sys

import helm_python as helm
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHART = ROOT / "ops/helm/resume-scoring-worker"
#: Of Helm's findings; 3 is an error, 1 a hint.
WARNING = 2
#: Values that use every branch of the templates.
FULL = {
    "image": {"repository": "registry.example/worker", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "replicas": 1,
    "settings": {"OPENAI_RPM": 500, "KAFKA_TLS": True, "OPENAI_PROXY_URL": "http://proxy.example:3128"},
    "secrets": {"settings": "", "provider": {"name": "provider", "key": "key"}},
    "opsPort": 9100,
    "podDisruptionBudget": {"enabled": False},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "work", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}
#: Values that the schema has to refuse.
WRONG = [
    {"replicas": "two"},
    {"settings": {"OPENAI_KEY": "sk-in-a-config-map"}},
    {"settings": {"lower_case": "x"}},
    {"image": {"repository": "x", "digest": "latest"}},
    {"replica": 3},
]


def rendered(chart: helm.Chart, values: dict) -> list[dict]:
    texts = chart.render(values, name="resume-scoring-worker", namespace="default")
    return [each for text in texts.values() for each in yaml.safe_load_all(text) if each]


def of_kind(documents: list[dict], kind: str) -> dict:
    return next(each for each in documents if each["kind"] == kind)


def same(one: dict, other: dict) -> list[str]:
    """The chart's own additions left out, says where it differs from the manifest."""
    chart, manifest = of_kind(one, "Deployment")["spec"], of_kind(other, "Deployment")["spec"]
    pod, expected = chart["template"]["spec"], manifest["template"]["spec"]
    pod["containers"][0].pop("imagePullPolicy")
    for spread in pod["topologySpreadConstraints"]:
        spread["labelSelector"]["matchLabels"].pop("app.kubernetes.io/instance")
    pairs = {
        "the pod": (pod, expected),
        "the strategy": (chart["strategy"], manifest["strategy"]),
        "the replicas": (chart["replicas"], manifest["replicas"]),
        "the settings": (of_kind(one, "ConfigMap")["data"], of_kind(other, "ConfigMap")["data"]),
    }
    return [what for what, (is_, should_be) in pairs.items() if is_ != should_be]


def main(directory: pathlib.Path) -> int:
    found = helm.lint(CHART, FULL, strict=True)["messages"]
    faults = [f"lint: {each['error']}" for each in found if each["severity"] >= WARNING]
    manifest = list(yaml.safe_load_all((ROOT / "ops/kubernetes.yml").read_text()))
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema({})
        chart.validate_schema(FULL)
        usual, full = rendered(chart, {}), rendered(chart, FULL)
        for wrong in WRONG:
            try:
                chart.validate_schema(wrong)
                faults.append(f"the schema takes {wrong}")
            except helm.HelmError:
                pass
    for name, documents in (("usual", usual), ("full", full)):
        (directory / f"chart-{name}.yml").write_text(yaml.safe_dump_all(documents))
    faults += [f"{what} differs from ops/kubernetes.yml" for what in same(usual, manifest)]
    print("\n".join(f"chart: {fault}" for fault in faults) or f"chart: rendered by Helm {helm.helm_sdk_version()}, as ops/kubernetes.yml has it")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
