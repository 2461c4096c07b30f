#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Several servers share a hub through a broker: what is published on one is
# received on all, in one order and with one id; clients resume on any of them;
# ids of publishers, closes and counts of clients are those of all.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use JSON::PP ();

use EventStream::Client;
use EventStream::Clock;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Redis;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start;
my ($a, $b) = $cluster->nodes;

sub data_of { return join ' ', map { $_->{data} } @_ }
sub ids_of { return join ' ', map { $_->{id} } @_ }

sub post
{
    my ($node, $body, $type, %opt) = @_;
    my $answer = request($node, $opt{method} || 'POST',
        $opt{path} || '/publish', body => $body,
        headers => ["Content-Type: $type"], timeout => 30);
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) } || {};
    return $answer;
}

sub json { return JSON::PP->new->canonical->encode($_[0]) }

# ---- One event ---------------------------------------------------------------

my %client = (a => $cluster->client($a, 'news'),
    b => $cluster->client($b, 'news'), other => $cluster->client($b, 'other'));

for my $node ([a => $a], [b => $b]) {
    my ($name, $httpd) = @$node;
    my $answer = publish($httpd, 'news', "from $name");
    is $answer->{status}, 200, "an event is published on $name";
    my @got = map { $client{$_}->next_event(5) } qw(a b);
    is data_of(map { $_ || () } @got), "from $name from $name",
        'clients of both servers receive it';
    is ids_of(map { $_ || () } @got), "$answer->{json}{id} $answer->{json}{id}",
        'with the id that its publisher got';
}
ok !$client{other}->next_event(0.3),
    'a client of another channel receives none';

# ---- One order ---------------------------------------------------------------

# Each of these publishes to one server, at the same time as the others.
my @publishers;
for my $name (qw(x y)) {
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        my $failed = 0;
        for my $number (1 .. 60) {
            $failed++ if publish($name eq 'x' ? $a : $b, 'news',
                "$name$number")->{status} != 200;
        }
        POSIX::_exit($failed);
    }
    push @publishers, $pid;
}
my @at_a = $client{a}->events(120, 30);
my @at_b = $client{b}->events(120, 30);
my $failed = 0;
for my $pid (@publishers) {
    waitpid $pid, 0;
    $failed += $? >> 8;
}
is $failed, 0, 'two publishers publish to two servers at the same time';
is @at_a, 120, 'clients receive all of it';
is ids_of(@at_a), ids_of(@at_b), 'in the same order on both servers';
for my $name (qw(x y)) {
    is data_of(grep { $_->{data} =~ /^$name/ } @at_a),
        join(' ', map { "$name$_" } 1 .. 60),
        "with the events of publisher $name in its order";
}

# ---- Bodies ------------------------------------------------------------------

my $list = json([map { {channel => 'news', text => "list$_"} } 1 .. 50]);
my $answer = post($b, $list, 'application/json');
is $answer->{json}{published}, 50, 'a list is published as a whole';
is data_of($client{a}->events(50, 10)), join(' ', map { "list$_" } 1 .. 50),
    'and received in its order on the other server';
is $client{b}->skip_to('message', 5) && $client{b}{last_id} ? 'yes' : 'no',
    'yes', 'and on its own';
$client{b}->events(49, 10);

is post($a, 'channel=news&data=of+a+form',
    'application/x-www-form-urlencoded')->{status}, 200, 'a form';
is post($b, json({items => [{channel => 'events-news', formats => {
    'http-stream' => {content => "data: an item\n\n"}}}]}),
    'application/json')->{status}, 200, 'GRIP items';
is data_of($client{a}->events(2, 5)), 'of a form an item',
    'are received on both servers';
is data_of($client{b}->events(2, 5)), 'of a form an item',
    'in the same order';

my $many = join '', map { json({channel => 'news', text => "line$_"}) . "\n" }
    1 .. 3000;
$answer = post($a, $many, 'application/x-ndjson');
is $answer->{json}{published}, 3000,
    'an NDJSON stream of 3000 lines is published' or diag $answer->{body};
my $lines = join ' ', map { "line$_" } 1 .. 3000;
my @lines = $client{b}->events(3000, 30);
is data_of(@lines) eq $lines ? 'all' : scalar @lines, 'all',
    'and received in its order on the other server';
is $answer->{json}{id}, $lines[-1] && $lines[-1]{id},
    'the answer has the id of its last event';
is data_of($client{a}->events(3000, 30)) eq $lines ? 'all' : 'not all', 'all',
    'and on its own';

$answer = post($b, $many . "{\"channel\": 1}\n"
    . json({channel => 'news', text => 'after'}) . "\n",
    'application/x-ndjson');
is $answer->{status}, 400, 'a line that is no event ends the stream';
like $answer->{body}, qr/^Line 3001\b.*Events published before: 3000\.$/,
    'the lines before it are counted';
is scalar($client{a}->all_events(3000, 1)), 3000,
    'and published, but no other';
is scalar($client{b}->all_events(3000, 1)), 3000, 'on both servers';

my $with_ids = join '', map {
    json({channel => 'news', text => "own$_", id => "own-$_"}) . "\n" } 1 .. 20;
is post($a, $with_ids, 'application/x-ndjson')->{json}{published}, 20,
    'lines with ids of their own are published';
is post($b, $with_ids, 'application/x-ndjson')->{json}{published}, 20,
    'and acknowledged again by another server';
is data_of($client{b}->all_events(20, 1)), join(' ', map { "own$_" } 1 .. 20),
    'which does not publish them again';
$client{a}->all_events(20, 0);
$answer = post($b, json({channel => 'news', text => 'before'}) . "\n"
    . json({channel => 'news', text => 'changed', id => 'own-3'}) . "\n"
    . json({channel => 'news', text => 'behind'}) . "\n",
    'application/x-ndjson');
is $answer->{status}, 409, 'a line with the id of another event is a conflict';
like $answer->{body}, qr/^Line 2\b.*Events published before: 1\.$/,
    'which ends the stream after the lines before it';
is data_of($client{a}->all_events(1, 1)), 'before', 'and nothing after it';
is data_of($client{b}->all_events(1, 0.2)), 'before', 'on both servers';

# ---- Publishers' ids -------------------------------------------------------

my $first = publish($a, 'news', 'once', id => 'mine');
my $again = publish($b, 'news', 'once', id => 'mine');
is $again->{status}, 200, 'an id that another server knows is acknowledged';
is $again->{json}{id}, $first->{json}{id}, 'with the id that the event has';
is publish($b, 'news', 'other data', id => 'mine')->{status}, 409,
    'with other data it is a conflict';
is publish($a, 'else', 'other data', id => 'mine')->{status}, 200,
    'in another channel it is not';
is data_of($client{b}->all_events(1, 0.7)), 'once', 'it is received once';
is data_of($client{a}->all_events(1, 0.2)), 'once', 'on both servers';

# ---- Resuming --------------------------------------------------------------

my $last = $client{a}{last_id};
$client{a}->close;
publish($_ % 2 ? $a : $b, 'news', "missed$_") for 1 .. 5;
my $moved = $cluster->client($b, 'news', id => $last);
is data_of($moved->events(5, 5)), 'missed1 missed2 missed3 missed4 missed5',
    'a client that moves to the other server gets what it has missed';
$client{b}->events(5, 5);
my $by_own = $cluster->client($a, 'news', id => 'mine');
is data_of($by_own->events(5, 5)), 'missed1 missed2 missed3 missed4 missed5',
    'also by an id of the publisher';
my $stranger = $cluster->client($a, 'news', id => '1790000000000-4096');
is(($stranger->next_event(5) || {})->{event}, 'stream-reset',
    'an id of another stream is reset');

# ---- Counts ----------------------------------------------------------------

$_->close for $by_own, $stranger;
$client{a} = $cluster->client($a, 'news');
my $count = wait_for(
    sub {
        my $json = publish($b, 'count', 'x')->{json};
        $json = publish($a, 'news', 'x')->{json};
        return $json && $json->{clients} == 3;
    }, 15, 'an answer counts the clients of all servers');
my $got = get($b, '/publish?channel=news&channel=other&channel=none');
my $stats = JSON::PP::decode_json($got->{body});
is_deeply [map { "$_->{channel} $_->{clients}" } @{$stats->{channels}}],
    ['news 3', 'other 1', 'none 0'], 'so do statistics';
ok !exists $stats->{partial}, 'which are complete';
$stats = JSON::PP::decode_json(get($a, '/publish?list=')->{body});
is_deeply [map { $_->{clients} } grep { $_->{channel} eq 'news' }
        @{$stats->{channels}}], [3], 'so does the list';
$_->close for $moved, $client{b};
wait_for(
    sub { return publish($b, 'news', 'x')->{json}{clients} == 1 }, 15,
    'clients that have gone are not counted');

# ---- Closing ---------------------------------------------------------------

$client{a} = $cluster->client($a, 'shut');
$client{b} = $cluster->client($b, 'shut');
publish($a, 'shut', 'last');
$answer = request($b, 'DELETE', '/publish?channel=shut&for=30');
is $answer->{status}, 200, 'a channel is closed on one server';
for my $name (qw(a b)) {
    is(($client{$name}->next_event(5) || {})->{data}, 'last',
        "what was published before is received on $name");
    ok $client{$name}->is_ended(5), 'then its streams end';
    my $node = $name eq 'a' ? $a : $b;
    is subscribe($node, '/events?c=shut')->status, 204,
        'and clients that come back are refused';
}
publish($a, 'shut', 'open again');
# the other server gets it a moment later
wait_for(sub { return subscribe($b, '/events?c=shut')->status == 200 }, 15,
    'an event opens it on the other server');

# ---- Other modules -----------------------------------------------------------

my $example =
    EventStream::Httpd->builddir . '/t/example/.libs/mod_es_example.so';
SKIP: {
    skip "needs $example (make check builds it)", 7 if !-f $example;
    my $guest = $cluster->client($b, 'table-4');
    my $module = $cluster->start_node(
        prelude => "LoadModule es_example_module \"$example\"",
        conf => $cluster->conf . <<'CONF');
EsExampleJournal "@ROOT@/tmp/journal"
<Location "/order">
    SetHandler es-example-order
</Location>
<Location "/count">
    SetHandler es-example-count
</Location>
CONF
    $cluster->wait_synced($module);
    like get($module, '/order?table=4&dish=soup')->{body},
        qr/^id \d+-\d+, clients \d+$/, 'a module publishes';
    is(($guest->next_event(5) || {})->{data}, 'soup',
        'clients of another server receive it');
    wait_for(
        sub { get($module, '/count?channel=table-4')->{body} =~ /\b1$/m }, 15,
        'a module counts the clients of all servers');
    is post($module, $with_ids . json({channel => 'news', text => 'copied'})
        . "\n", 'application/x-ndjson')->{json}{published}, 21,
        'it is a publisher, too: an NDJSON stream is published';
    my $copy = EventStream::Httpd::slurp($module->root . '/tmp/journal');
    like $copy, qr/ news message: copied$/m, 'and its module gets each event';
    is $module->stop, 0, 'httpd stops with exit status 0';
}

# ---- A server that is started late -----------------------------------------

$last = publish($a, 'news', 'known')->{json}{id};
publish($b, 'news', "later$_") for 1 .. 3;
my $c = $cluster->start_node;
my $late = $cluster->client($c, 'news', id => $last);
is data_of($late->events(3, 5)), 'later1 later2 later3',
    'a client resumes on a server that was started after its id was given';
publish($a, 'news', 'live');
is(($late->next_event(5) || {})->{data}, 'live', 'and is live there');
ok $cluster->is_synced($c), 'the server follows the stream';
is publish($c, 'news', 'once', id => 'mine')->{json}{id}, $first->{json}{id},
    'it knows ids of publishers';
is subscribe($c, '/events?c=news', headers => ['Last-Event-ID: earliest'])
    ->status, 200, 'a client can have all of its history';

# ---- Clocks ----------------------------------------------------------------

# A server whose clock is an hour ahead: ids, order and ages are the broker's.
my $clock = EventStream::Clock->new;
$clock->step(3600);
my $ahead = $cluster->start_node($clock->options,
    conf => $cluster->conf . "EventStreamHub default age=10min\n");
$cluster->wait_synced($ahead);
my $id = publish($ahead, 'news', 'from the future')->{json}{id};
my ($ms) = $id =~ /^(\d+)-/;
cmp_ok abs($ms / 1000 - Time::HiRes::time()), '<', 600,
    'ids have the time of the broker';
my $next = publish($a, 'news', 'from now')->{json}{id};
cmp_ok order($next), 'gt', order($id), 'and rise over all servers';
my $resumed = $cluster->client($ahead, 'news', id => $id);
is(($resumed->next_event(5) || {})->{data}, 'from now',
    'ages are computed by the clock of the broker');

sub order
{
    return sprintf '%020d-%020d', split /-/, $_[0];
}

# ---- What the administrator sees -------------------------------------------

my $status = $cluster->status($a);
is $status->{Up}, 1, 'the status page shows that the link is up';
is $status->{Address}, $cluster->broker->address,
    'the address of the broker';
ok grep({ $_ == $status->{Leader} } $a->children),
    'the child that reads from it';
cmp_ok $status->{Entries}, '>', 6000, 'what it has read';
is $status->{Unavailable}, 0, 'and that no publisher was refused';
like get($a, '/server-status')->{body},
    qr{<td>default</td><td>127\.0\.0\.1:\d+</td><td>up</td>},
    'also as a table';
like $a->error_log,
    qr/notice\].*ES0803: hub default is clustered: .*\{eventstream:default\}/,
    'the start is logged';
is $_->faults // '', '', 'the shared memory is consistent' for $a, $b, $c;
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b, $c, $ahead;
for my $node ($a, $b, $c, $ahead) {
    unlike $node->error_log, qr/\[[^\]]*:(?:error|crit|alert|emerg)\]|signal/,
        'the error log has no error';
}
done_testing;
