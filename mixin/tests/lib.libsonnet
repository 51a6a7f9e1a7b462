// Turns a table of cases into the input of promtool test rules.
local mixin = import '../mixin.libsonnet';

local rules = {
  [rule.alert]: rule
  for group in mixin.prometheusAlerts.groups
  for rule in group.rules
};

{
  // Since Prometheus 3, a range leaves out the sample at its start.
  ranges_are_open:: std.extVar('prometheus') >= 3,

  // The minute in which a range has only samples of the fault, when it is due in `minute` with a range that is closed.
  whole_range(minute):: if self.ranges_are_open then minute - 1 else minute,

  one(metric, values, matchers='', instance='a')::
    local inner = if matchers == '' then '' else matchers + ',';
    [{ series: '%s{%sjob="kamailio",instance="%s"}' % [metric, inner, instance], values: values }],

  // A metric on two instances: a, where the fault is, and b, which is healthy.
  series(metric, sick, healthy, matchers='')::
    self.one(metric, sick, matchers) + self.one(metric, healthy, matchers, 'b'),

  file(tests, interval='1m'):: {
    rule_files: ['rules.yaml', 'alerts.yaml'],
    evaluation_interval: interval,
    group_eval_order: ['kamailio.rules'] + [group.name for group in mixin.prometheusAlerts.groups],
    tests: tests,
  },

  // The alert is silent a minute before it is due, fires when it is due on instance a alone and with this description,
  // is gone once it has resolved, and no other alert fires with it unless it is named in `also`.
  fires(case, step=1):: {
    local rule = rules[case.alert],
    local due = case.begins + case.lasts,
    local at(minute, alerts) = { eval_time: minute + 'm', alertname: case.alert, exp_alerts: alerts },
    local expected = {
      exp_labels: { job: 'kamailio', instance: 'a', severity: case.severity } +
                  (if std.objectHas(case, 'labels') then case.labels else {}),
      exp_annotations: {
        summary: rule.annotations.summary,
        description: case.description,
        runbook_url: 'https://github.com/kamailio-exporter/kamailio_exporter/blob/main/docs/runbooks.md#'
                     + std.asciiLower(case.alert),
      },
    },
    name: case.alert + ' fires',
    interval: step + 'm',
    input_series: std.flattenArrays(case.series),
    alert_rule_test: [at(due - step, []), at(due, [expected]), at(case.resolved, [])],
    promql_expr_test: [{
      local expected = [case.alert] + (if std.objectHas(case, 'also') then case.also else []),
      expr: 'count by (alertname) (ALERTS{alertstate="firing",alertname!~"%s"})' % std.join('|', expected),
      eval_time: due + 'm',
      exp_samples: [],
    }],
  },

  // No alert fires or is pending at any of these minutes.
  quiet(case):: {
    name: case.name,
    interval: '1m',
    input_series: std.flattenArrays(case.series),
    promql_expr_test: [
      {
        local except = if std.objectHas(case, 'except') then case.except else '',
        expr: 'count by (alertname) (ALERTS{alertname!~"%s"})' % except,
        eval_time: minute + 'm',
        exp_samples: [],
      }
      for minute in case.at
    ],
  },

  // Every alert has a case.
  complete(cases):: std.assertEqual(
    std.set([case.alert for case in cases]),
    std.set(std.objectFields(rules))
  ),
}
