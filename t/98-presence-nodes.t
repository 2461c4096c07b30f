#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Presence over the servers of a clustered hub: a name joins with the first
# server that has it and leaves with the last, also when a server dies, and when
# the broker is restarted, emptied or does not answer.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use JSON::PP ();
use EventStream::Client;
use EventStream::Cluster;
use EventStream::Presence;
use EventStream::Redis;
use EventStream::Relay;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start(
    words => 'timeout=1s', broker => {append => 1}, conf => <<'CONF');
<LocationMatch "^/counted/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "{room}"
    EventStreamPresence on name=%{req:X-User}
    EventStreamRetry 1
</LocationMatch>
CONF
my ($a, $b) = $cluster->nodes;
my ($log, %there, %listed, @wrong);

sub comes
{
    my ($node, $name, $room) = @_;
    return subscribe($node, '/counted/' . ($room || 'room'),
        headers => ["X-User: $name"]);
}

# The servers that have each name, as a node lists them.
sub servers
{
    my ($node, $room, $limit) = @_;
    return who($node, $room || 'room', $limit, 'servers') || {};
}

# Follows the events of a node until $done is true, and checks that joins and
# leaves alternate. After a reset it asks for the list, as a page does; of what
# that contains a join may still come.
sub follows
{
    my ($node, $seconds, $done) = @_;
    my ($until, @told) = (time + $seconds);
    while (time < $until && !($done && $done->(@told))) {
        $log = $cluster->client($node, 'presence-room',
            $log ? (id => $log->last_id) : ()) if !$log || !$log->is_open;
        my $event = $log->next_event(0.2) or next;
        if ($event->{event} eq 'stream-reset') {
            %there = map { $_ => 1 } keys %{servers($node)};
            %listed = %there;
            push @told, 'reset';
        }
        next if $event->{event} !~ /^(join|leave)$/;
        my $joins = $1 eq 'join';
        my $name = JSON::PP::decode_json($event->{data})->{name};
        push @wrong, "$event->{event} $name"
            if !!$there{$name} == $joins && !($joins && $listed{$name});
        delete $listed{$name};
        $joins ? ($there{$name} = 1) : delete $there{$name};
        push @told, ($joins ? '+' : '-') . $name;
    }
    return "@told";
}

sub lists
{
    my ($node, $expected, $name) = @_;
    my $got;
    wait_for(sub {
        $got = servers($node);
        return JSON::PP->new->canonical->encode($got)
            eq JSON::PP->new->canonical->encode($expected);
    }, 30, $name) or diag explain $got;
    return;
}

# ---- Once --------------------------------------------------------------------

follows($b, 0.5);
my $ada = comes($a, 'ada');
is follows($b, 20, sub { @_ }), '+ada', 'a name joins';
my $too = comes($b, 'ada');
lists($_, {ada => 2}, 'both servers list it, with two servers') for $a, $b;
is follows($b, 2), '', 'it joins once';
$ada->close;
lists($b, {ada => 1}, 'it is on one server when it has gone from the other');
is follows($b, 1), '', 'which is no leave';
$too->close;
is follows($b, 20, sub { @_ }), '-ada', 'it leaves with the last one';
lists($a, {}, 'nobody is there');

my @many = map { comes($_ % 2 ? $a : $b, "n$_", 'many') } 1 .. 10;
wait_for(sub { keys %{servers($a, 'many', 3)} == 10 }, 20,
    'a list in pages has the names of all servers');
is_deeply servers($b, 'many', 3), {map { ("n$_" => 1) } 1 .. 10}, 'each once';
$_->close for @many;

# ---- What comes late ---------------------------------------------------------

# A server tells of a name, and its links fail; it tells again over others, and
# the name leaves; then the broker gets what was told first.
my $relay = EventStream::Relay->start($cluster->broker->port);
my $near = $cluster->broker->url;
my $far = 'redis://127.0.0.1:' . $relay->port;
my $behind = $cluster->start_node(conf => $cluster->conf =~ s/\Q$near\E/$far/r);
$cluster->wait_synced($behind);
my $gus = comes($behind, 'gus');
is follows($b, 20, sub { @_ }), '+gus', 'a name of a server behind a relay';
my $join = qr/\bjoin\r\n\$4\r\nroom\r\n\$3\r\nhal\r\n/;
$relay->hold_from($join);
my $hal = comes($behind, 'hal');
is follows($b, 30, sub { @_ }), '+hal',
    'it tells of another one, though its links have failed';
$hal->close;
is follows($b, 30, sub { @_ }), '-hal', 'which leaves';
# once, or more often if the broker was slow to answer
my $sent = $relay->sent($join);
cmp_ok $sent, '>=', 1, 'the broker has got the join';
$relay->release;
wait_for(sub { $relay->sent($join) > $sent }, 30,
    'and gets it once more, which is the first that was sent');
is follows($b, 3), '', 'that changes nothing';
lists($_, {gus => 1}, 'the name is not there') for $b, $behind;
$gus->close;
is follows($b, 30, sub { @_ }), '-gus', 'its other names leave as ever';
is $behind->faults // '', '', 'the shared memory is right';
is $behind->stop, 0, 'the server stops';

# ---- A server dies -----------------------------------------------------------

my $bob = comes($a, 'bob');
my $cyd = comes($a, 'cyd');
$too = comes($b, 'cyd');
follows($b, 20, sub { @_ == 2 });
lists($b, {bob => 1, cyd => 2}, 'two names, one on two servers');
my $third = $cluster->start_node;
my $dan = comes($third, 'dan');
my $eve = comes($third, 'cyd');
is follows($b, 20, sub { @_ }), '+dan', 'a third server has one more';
kill 'KILL', $third->pid, $third->children;
is follows($b, 40, sub { @_ }), '-dan', 'it is killed, and its name leaves';
lists($a, {bob => 1, cyd => 2}, 'but that of others stays');

# ---- The broker --------------------------------------------------------------

$cluster->broker->suspend;
is follows($b, 12), '', 'the broker hangs for longer than servers are believed';
my $answer = get($a, '/publish?who=room');
is $answer->{status}, 200, 'then the list is';
$answer = JSON::PP::decode_json($answer->{body});
ok $answer->{partial}, 'partial';
is_deeply [sort map { $_->{name} } @{$answer->{names}}], ['bob', 'cyd'],
    'with the names of this server';
is get($a, '/publish?who=room&after=%3Dbob')->{status}, 503,
    'a listing that had begun cannot go on';
$cluster->broker->resume;
$cluster->wait_synced;
is follows($b, 5), '', 'nobody has left';
lists($b, {bob => 1, cyd => 2}, 'and all are listed again');

$cluster->broker->kill;
my $flo = comes($b, 'flo');
follows($b, 2);
$cluster->broker->run;
$cluster->wait_synced;
%there = (bob => 1, cyd => 1);
follows($b, 20, sub { $there{flo} || !%there && grep { /flo/ } @_ });
is "@wrong", '', 'the broker is restarted: nobody is told twice';
lists($_, {bob => 1, cyd => 2, flo => 1}, 'all are there') for $a, $b;

$cluster->broker->command('FLUSHALL');
my $told = follows($b, 30,
    sub { keys %there == 3 && grep { $_ eq 'reset' } @_ });
# (A name that came when the broker was restarted may be told before.)
like $told, qr/\breset\b/, 'the broker is emptied';
is_deeply [sort keys %there], [qw(bob cyd flo)], 'then all are there again';
is "@wrong", '', 'once';
lists($_, {bob => 1, cyd => 2, flo => 1}, 'and are listed') for $a, $b;
$_->close for $bob, $cyd, $too, $flo;
follows($b, 30, sub { !%there });
is_deeply \%there, {}, 'all leave';
is "@wrong", '', 'once';
is $_->faults // '', '', 'the shared memory is right' for $a, $b;
done_testing;
