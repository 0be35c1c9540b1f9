"""Reads the metrics endpoint as Prometheus does."""

import asyncio
import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class MetricsPage:
    """One scrape: values by sample name and labels."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        """Return a sample's value; 0 for a labelled one that was never counted."""
        assert labels or (name, frozenset()) in self.samples, f"there is no {name}"
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def labels(self, name: str, label: str) -> set[str]:
        """Return all values of a label."""
        return {dict(labels)[label] for sample, labels in self.samples if sample == name}

    def total(self, name: str) -> float:
        """Return the sum over all labels."""
        return sum(value for (sample, _), value in self.samples.items() if sample == name)


async def scrape(address: str) -> MetricsPage:
    text = await asyncio.to_thread(_download, address)
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return MetricsPage({(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples})


def _download(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        page: bytes = answer.read()
    return page.decode()
