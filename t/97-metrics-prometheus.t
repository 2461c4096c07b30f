#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A Prometheus reads the metrics, with the alert rules of contrib/; each query
# of these and of the dashboard for Grafana finds what it asks for.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use JSON::PP ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Source;

my $contrib = srcdir() . '/contrib';

plan skip_all => 'needs prometheus and promtool of the package prometheus'
    if system('prometheus --version >/dev/null 2>&1')
    || system('promtool --version >/dev/null 2>&1');

# ---- Without a server --------------------------------------------------------

sub output_of
{
    my ($command) = @_;
    my $output = `$command 2>&1`;
    return $? == 0 ? '' : $output;
}

is output_of("promtool check rules $contrib/prometheus/eventstream.rules.yml"),
    '', 'the alert rules are valid';
is output_of("promtool check config $contrib/prometheus/prometheus.yml"), '',
    'so is the sample of a configuration';
is output_of("cd $contrib/prometheus"
    . ' && promtool test rules eventstream.rules.test.yml'), '',
    'the alerts come when they should, and only then';

# ---- A Prometheus ------------------------------------------------------------

my $httpd = EventStream::Httpd->start(conf => <<'CONF');
# a free port for Prometheus: @PORT:prometheus@
EventStreamMaxClients 1000
<Location "/metrics">
    SetHandler eventstream-metrics
    EventStreamMetricsChannels news
    Require local
</Location>
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $folder = File::Temp->newdir;
my $port = $httpd->port_of('prometheus');
open my $out, '>', "$folder/prometheus.yml" or die;
print $out <<"YML";
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: ["$contrib/prometheus/eventstream.rules.yml"]
scrape_configs:
  - job_name: eventstream
    static_configs: [{targets: ["127.0.0.1:@{[$httpd->port]}"]}]
YML
close $out;

my $pid = fork // die "fork: $!";
if ($pid == 0) {
    open STDOUT, '>', "$folder/log" or die;
    open STDERR, '>&', \*STDOUT or die;
    exec 'prometheus', "--config.file=$folder/prometheus.yml",
        "--storage.tsdb.path=$folder/data",
        "--web.listen-address=127.0.0.1:$port";
    die "prometheus: $!";
}
END {
    my $status = $?;
    if ($pid) {
        kill KILL => $pid;
        waitpid $pid, 0;
    }
    $? = $status;
}

# The samples of a query: [{metric => {...}, value => [time, value]}]; undef =
# it is not valid, or there is no answer.
sub query
{
    my ($query) = @_;
    $query =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
    my $json = eval {
        JSON::PP::decode_json(get($port, "/api/v1/query?query=$query")->{body});
    } || {}; # it may not listen yet
    return ($json->{status} // '') eq 'success' ? $json->{data}{result} : undef;
}

sub value_of
{
    my ($query) = @_;
    my $samples = query($query);
    return $samples && @$samples ? $samples->[0]{value}[1] : undef;
}

ok wait_for(sub { (value_of('up{job="eventstream"}') // 0) == 1 }, 30),
    'Prometheus reads the metrics' or diag `tail -20 $folder/log`;

my @clients = map { subscribe($httpd, '/events?c=news') } 1 .. 3;
my $published = 0;

# Each second more, so that there are rates.
sub publish_some
{
    publish($httpd, 'news', 'x');
    $published++;
    $_->events(100, 0) for @clients;
    return;
}

my $rate = 'rate(eventstream_delivered_events_total[30s])';
ok wait_for(sub { publish_some(); (value_of($rate) // 0) > 0 }, 30),
    'it sees events being delivered';
ok wait_for(sub {
    (value_of('eventstream_published_events_total') // -1) == $published
        && (value_of('eventstream_delivered_events_total') // -1)
            == 3 * $published
}, 10), 'as many as there were';
# It gives an answer a second only: on a busy machine one may be late, and then
# there are no values until the next one.
ok wait_for(sub {
    (value_of('eventstream_clients{kind="detached"}') // 0) == 3
        && (value_of('eventstream_channel_subscriptions{channel="news"}') // 0)
            == 3;
}, 30), 'it sees the clients, and those of a named channel';
ok wait_for(sub { my $alerts = query('ALERTS'); $alerts && !@$alerts }, 30),
    'no alert is there'
    or diag join ' ', map { $_->{metric}{alertname} } @{query('ALERTS') || []};

# ---- The dashboard -----------------------------------------------------------

my $dashboard =
    JSON::PP::decode_json(text_of('contrib/grafana-dashboard.json'));
my %seen;
my @ids = grep { $seen{$_->{id}}++ } @{$dashboard->{panels}};
is_deeply \@ids, [], 'each panel of the dashboard has a number of its own';

# As Grafana fills it in.
sub filled
{
    my ($query) = @_;
    $query =~ s/\$(?:instance|hub)\b/.*/g;
    $query =~ s/\$__rate_interval/30s/g;
    return $query;
}

my (@invalid, @empty);
my $queries = 0;
for my $panel (@{$dashboard->{panels}}) {
    for my $target (@{$panel->{targets}}) {
        my $samples;
        $queries++;
        wait_for(sub {
            publish_some();
            $samples = query(filled($target->{expr}));
            return $samples && (@$samples || $target->{expr} =~ /_cluster_/);
        }, 30);
        push @invalid, "$panel->{title}: $target->{expr}" if !$samples;
        push @empty, "$panel->{title}: $target->{expr}"
            if $samples && !@$samples && $target->{expr} !~ /_cluster_/;
    }
}
cmp_ok $queries, '>', 30, 'the dashboard has queries';
is_deeply \@invalid, [], 'Prometheus understands all of them';
is_deeply \@empty, [], 'and they find something';
my @metrics = text_of('contrib/grafana-dashboard.json')
    =~ /\b(eventstream_\w+?)(?:_bucket)?\b/g;
my $told = get($httpd, '/metrics')->{body};
my @unknown = grep { my $name = $_; $name !~ /cluster/
    && $told !~ /^# TYPE \Q$name\E /m } @metrics;
is_deeply \@unknown, [], 'it names no metric that there is not';

# ---- An alert ----------------------------------------------------------------

$_->close for @clients;
ok wait_for(sub {
    my $back = subscribe($httpd, '/events?c=news',
        headers => ['Last-Event-ID: 1-1']);
    $back->close;
    (value_of('sum(eventstream_resets_total{reason="resume"})') // 0) > 5;
}, 30), 'it sees resets';
$httpd->stop;
ok wait_for(sub {
    grep { $_->{metric}{alertname} eq 'EventstreamDown' }
        @{query('ALERTS') || []};
}, 30), 'an alert comes when httpd does not answer';

done_testing;
