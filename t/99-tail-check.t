#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# eventstream-tail --status and --check: the figures of mod_status and of JSON,
# ranges as plugins of Nagios have them, an event that gets through or not, and
# the exit status for each trouble.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use IO::Select;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Redis;

plan skip_all => 'needs mod_status'
    if !EventStream::Httpd->has_module('status');

my $program = EventStream::Httpd->builddir . '/tools/eventstream-tail';

my %status = (
    server => {name => 'x|y', module => '1'},
    clients => {total => 7, detached => 7},
    times => {bounds => [1, 10, 100], none => []},
    limits => [
        {name => 'EventStreamMaxClients', value => 10, used => 7},
        {name => 'EventStreamMaxHeld', value => 0, used => 9},
        {name => q(the child's open files), value => 5, used => 1},
        {name => 'EventStreamMaxBody', value => undef, used => undef}],
    hubs => [{name => 'default', published => 3, cluster => undef},
        {name => 'shop', published => 4,
            cluster => {up => JSON::PP::true, synced => JSON::PP::true}}],
);

sub json { return JSON::PP->new->canonical->encode({%status, @_}) }

my $conf = <<'CONF';
AddType application/json .json
AddType text/html .html
<Location "/status">
    SetHandler server-status
</Location>
<Location "/closed">
    SetHandler server-status
    Require all denied
</Location>
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    EventStreamAllowChannel check other
</Location>
CONF
my $httpd = EventStream::Httpd->start(
    modules => ['status'], conf => $conf,
    files => {
        'page.html' => "<p>\n",
        'bad.json' => '{"a": ',
        'fine.json' => json(),
        'full.json' => json(limits => [
            {name => 'EventStreamMaxClients', value => 10, used => 9}]),
        'down.json' => json(hubs => [
            {name => 'a', cluster => {up => JSON::PP::false,
                synced => JSON::PP::false}}]),
        'behind.json' => json(hubs => [
            {name => 'a', cluster => {up => JSON::PP::true,
                synced => JSON::PP::false}}]),
    });

sub run
{
    my (@args) = @_;
    my $pid = open my $out, '-|';
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        alarm 60;    # is inherited by the program
        exec $program, @args or exit 99;
    }
    local $/;
    my $text = <$out>;
    close $out;
    return {status => $? >> 8, out => defined $text ? $text : ''};
}

sub is_run
{
    my ($name, $status, $words, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $run = run(@args);
    is $run->{status}, $status, "$name: the exit status is $status";
    like $run->{out}, $words, "$name: it tells why";
    return $run->{out};
}

my @word = qw(OK WARNING CRITICAL UNKNOWN);

sub checks
{
    my ($name, $status, $words, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_run($name, $status,
        qr/\AEVENTSTREAM $word[$status] - $words[^\n]*\n\z/, '--check', @args);
}

# ---- --status ----------------------------------------------------------------

my @clients = map { subscribe($httpd, '/events?c=a') } 1 .. 3;
wait_for(sub { get($httpd, '/status?auto')->{body}
    =~ /^EventStream\.Clients: 3$/m }, 5, 'there are three clients');
publish($httpd, 'other', 'x');
my $url = $httpd->url('/status');
my $lines = is_run('mod_status', 0, qr/^Clients: 3$/m, '--status', $url);
my $auto = get($httpd, '/status?auto')->{body};
is_deeply [$lines =~ /^(\S+): /mg],
    [$auto =~ /^EventStream\.(\S+): /mg],
    'all lines of ours are there, without their prefix';
my $json = JSON::PP::decode_json(run('--status', '--json', $url)->{out});
is $json->{'Hub.default.Published'}, 1, 'also as JSON';
is run('--status', $httpd->url('/status?auto'))->{out}, $lines,
    'the query may be there already';
$lines = is_run('JSON', 0, qr/^hubs\.shop\.cluster\.up: 1$/m, '--status',
    $httpd->url('/fine.json'));
like $lines, qr/^limits\.EventStreamMaxClients\.used: 7$/m,
    'elements of arrays have their name';
like $lines, qr/^limits\.the_child_s_open_files\.value: 5$/m,
    'a key is a word';
like $lines, qr/^times\.bounds: 1 10 100$/m, 'an array of numbers is a line';
unlike $lines, qr/^times\.none/m, 'an empty one is none';
is run('--status', '--json', $httpd->url('/fine.json'))->{out}, json(),
    '--json prints the JSON of the server';
is_run('no status page', 1, qr/: this is no status page$/, '--status',
    $httpd->url('/page.html'));
is_run('broken JSON', 1, qr/: its JSON cannot be read$/, '--status',
    $httpd->url('/bad.json'));
is_run('a page that is closed', 1, qr/: 403: /, '--status',
    $httpd->url('/closed'));

# ---- --check, without ranges -------------------------------------------------

checks('all is well', 0, '3 clients', $url);
checks('JSON', 0, '7 clients', $httpd->url('/fine.json'));
checks('a limit that is nearly reached', 1,
    qr/limits\.EventStreamMaxClients\.used is 9 of 10; 7 clients/,
    $httpd->url('/full.json'));
checks('a broker that is away', 2,
    qr/.*hubs\.a\.cluster\.up: the link to the broker is down/,
    $httpd->url('/down.json'));
checks('a node that is behind', 1, qr/hubs\.a\.cluster\.synced: /,
    $httpd->url('/behind.json'));
checks('a page that is closed', 3, qr/\S+: 403: /, $httpd->url('/closed'));
checks('no status page', 3, qr/\S+: this is no status page/,
    $httpd->url('/page.html'));
checks('nobody there', 2, qr{http://127\.0\.0\.1:1/: }, 'http://127.0.0.1:1/');
is run('--check')->{status}, 3, 'wrong usage: 3';
is run('--check', '--frob', $url)->{status}, 3, 'an unknown option: 3';

my $other = EventStream::Httpd->start(module => 0, modules => ['status'],
    conf => "<Location /status>\nSetHandler server-status\n</Location>\n");
checks('httpd without the module', 2,
    'the module is not loaded, or serves no events', $other->url('/status'));
my @pids = ($other->pid, $other->children);
kill 'STOP', @pids;
my $began = time;
checks('an httpd that hangs', 2, qr/\S+: .*(?:timed out|Timeout)/i, '-T', 1,
    $other->url('/status'));
cmp_ok time - $began, '<', 20, 'which is known after --timeout';
kill 'CONT', @pids;

# ---- Ranges ------------------------------------------------------------------

# the value is 3: range => is it bad?
my @ranges = ('3' => 0, '2' => 1, '4:' => 1, '3:' => 0, '~:2' => 1,
    '~:3' => 0, '3:3' => 0, '4:9' => 1, '@3' => 1, '@4:9' => 0, '0' => 1,
    '2.5' => 1);
while (my ($range, $is_bad) = splice @ranges, 0, 2) {
    my $run = run('--check', '-w', "Clients=$range", $url);
    is $run->{status}, $is_bad, "Clients=$range with 3: "
        . ($is_bad ? 'WARNING' : 'OK');
}
checks('a range', 2,
    qr/clients is 3 \(range 2\); 3 clients \| 'clients'=3;;2/,
    '--critical', 'clients=2', $url);
checks('the worst counts', 2, qr/Clients is 3 .*; Hub\.default\.Channels /,
    '--critical', 'Clients=2', '-w', 'Hub.default.Channels=0', $url);
checks('no such value', 3, 'there is no number Frob', '-w', 'Frob=1', $url);
checks('what is no number', 3, 'there is no number server.name', '-w',
    'server.name=1', $httpd->url('/fine.json'));
checks('what is critical is not hidden by that', 2, '.', '-w', 'Frob=1',
    '--critical', 'Clients=2', $url);
for my $bad ('Clients', '=1', 'Clients=', 'Clients=:', 'Clients=x',
    'Clients=5:1', 'Clients=1:2:3') {
    is run('--check', '-w', $bad, $url)->{status}, 3, "-w $bad is an error";
}

sub published
{
    return (get($httpd, '/status?auto')->{body}
        =~ /^EventStream\.Hub\.default\.Published: (\d+)$/m)[0];
}

my $before = published();
pipe my $stop, my $stopper or die "pipe: $!";
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    close $stopper;
    publish($httpd, 'other', 'x') until IO::Select->new($stop)->can_read(0);
    POSIX::_exit(0);
}
wait_for(sub { published() > $before }, 30, 'there is a publisher');
checks('how fast a value grows', 1, qr{Hub\.default\.Published/s is \d},
    '-w', 'Hub.default.Published/s=1', '--interval', 1, $url);
close $stopper;    # it ends after the answer to its last event
waitpid $pid, 0;
checks('a value that does not grow', 0,
    qr{3 clients \| 'Hub\.default\.Published/s'=0;1;},
    '-w', 'Hub.default.Published/s=1', '--interval', 0.2, $url);

# ---- Does an event get through? ----------------------------------------------

my @through = ('--through', $httpd->url('/events?c=check'), '--publish-to',
    $httpd->url('/publish'), '-c', 'check');
checks('an event gets through', 0,
    qr/3 clients; an event arrives in \d+ ms \| roundtrip_s=\d+\.\d+s/,
    @through, $url);
checks('without a status page', 0, 'an event arrives in', @through);
checks('too slow', 2, qr/roundtrip is /, '--critical', 'roundtrip=0:0',
    @through);
checks('another channel', 2,
    qr/\S+: the event was published, but does not arrive/, '-T', 1,
    @through[0 .. 3], '-c', 'other');
checks('a publisher that is refused', 2,
    qr/\S+: cannot publish: 403: Channel not allowed: a\./, @through[0 .. 3],
    '-c', 'a');
is_run('a stream that is refused', 2,
    qr/400: No specified channels.*CRITICAL - \S+: the stream does not open/s,
    '--check', '--through', $httpd->url('/events'), @through[2 .. 5]);
@pids = $httpd->children;
kill 'STOP', @pids;
checks('children that hang', 2, qr/\S+: the stream does not open/, '-T', 1,
    @through);
kill 'CONT', @pids;
checks('and go on', 0, 'an event arrives', @through);

# ---- Hostile answers ---------------------------------------------------------

# Seconds of CPU time that a check takes, whatever else the machine does.
sub cost
{
    my (@args) = @_;
    my @before = times;
    my $run = run('--check', @args);
    my @after = times;
    return ($run, $after[2] + $after[3] - $before[2] - $before[3]);
}

for (['as many limits as fit, each of them reached', 1, qr{; and 49980 more$}m,
        '{"limits":[' . join(',', map { qq({"name":"n$_","value":1,"used":2}) }
            1 .. 50_000) . ']}'],
    ['a long name with many members', 2, qr/serves no events/,
        '{"' . 'x' x 1_000_000 . '":{' . join(',', map { qq("$_":1) }
            1 .. 200_000) . '}}'],
    ['more figures than there can be', 3, qr/more figures than any status/,
        '[' . join(',', map { '{"a":1}' } 1 .. 300_000) . ']'],
    ['figures that are nested', 2, qr/serves no events/,
        '[' x 1000 . ']' x 1000])
{
    my ($what, $status, $words, $text) = @$_;
    open my $file, '>', $httpd->root . '/htdocs/hostile.json' or die "$!";
    print {$file} $text;
    close $file;
    my ($run, $seconds) = cost($httpd->url('/hostile.json'));
    is $run->{status}, $status, "$what: the exit status is $status";
    like $run->{out}, $words, 'it is told in a line';
    cmp_ok length $run->{out}, '<', 4000, 'of bounded length';
    cmp_ok $seconds, '<', 5, 'at a bounded cost';
    note "$what: $seconds s";
}

# ---- A cluster ---------------------------------------------------------------

SKIP: {
    skip 'no broker', 1 if !EventStream::Redis->is_installed;
    my $cluster = EventStream::Cluster->start(nodes => 1);
    my ($node) = $cluster->nodes;
    $cluster->wait_synced;
    my $at = $node->url('/server-status');
    checks('a node that follows', 0, '', $at);
    $cluster->broker->kill;
    wait_for(sub { !$cluster->status($node)->{Up} }, 30,
        'the broker is away');
    checks('a broker that was killed', 2,
        qr/.*Cluster\.\w+\.Up: the link to the broker is down/, $at);
}

done_testing;
