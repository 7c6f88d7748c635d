import { type HrTime, ValueType } from '@opentelemetry/api';
import { hrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type DataPoint,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { MetricReading, Metrics } from './metrics.ts';

/**
 * The instruments of a registry in OpenTelemetry's form: every instrument exists once and is read by whoever scrapes
 * `/metrics` and by the exporter alike. Names, labels and buckets stay as they are there.
 */
export function metricProducer(metrics: Metrics): MetricProducer {
  const startTime = hrTime();
  return {
    async collect() {
      const readings = await metrics.read();
      const endTime = hrTime();
      const found = readings.flatMap((reading) => metricData(reading, { startTime, endTime }) ?? []);
      const scopeMetrics = [{ scope: { name: 'loom' }, metrics: found }];
      return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
    },
  };
}

interface Span {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

function metricData(reading: MetricReading, span: Span): MetricData | null {
  const { name, help: description, type, samples } = reading;
  const common = {
    descriptor: { name, description, unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const points = samples.map(({ labels: attributes, value }) => ({ ...span, attributes, value }));
  switch (type) {
    case 'counter':
      return { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points };
    case 'gauge':
      return { ...common, dataPointType: DataPointType.GAUGE, dataPoints: points };
    case 'histogram':
      return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(reading, span) };
    case 'summary':
      return null; // none is made here
  }
}

interface OpenHistogram {
  readonly attributes: Record<string, string | number>;
  readonly boundaries: number[];
  /** Prometheus counts up to each boundary; OpenTelemetry between two. */
  readonly upTo: number[];
  sum: number;
  count: number;
}

function histograms({ name, samples }: MetricReading, span: Span): DataPoint<Histogram>[] {
  const byLabels = new Map<string, OpenHistogram>();
  for (const { name: part, labels, value } of samples) {
    const { le, ...attributes } = labels;
    const key = JSON.stringify(Object.entries(attributes).sort());
    const open = byLabels.get(key) ?? { attributes, boundaries: [], upTo: [], sum: 0, count: 0 };
    byLabels.set(key, open);
    if (part === `${name}_sum`) open.sum = value;
    else if (part === `${name}_count`) open.count = value;
    else if (le !== undefined) {
      open.upTo.push(value);
      if (le !== '+Inf') open.boundaries.push(Number(le));
    }
  }
  return [...byLabels.values()].map(({ attributes, boundaries, upTo, sum, count }) => ({
    ...span,
    attributes,
    value: {
      buckets: { boundaries, counts: upTo.map((value, index) => value - (upTo[index - 1] ?? 0)) },
      sum,
      count,
    },
  }));
}
