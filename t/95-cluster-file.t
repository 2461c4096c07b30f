#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The hub of a cluster with a file: a node that starts reads only what is new in
# the broker's stream. The file may be outdated, or useless, and nothing is lost
# or passed over in silence.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Load;
use EventStream::Redis;

EventStream::Redis->or_skip;

my $cluster = EventStream::Cluster->start(
    nodes => 2, broker => {append => 1},
    conf => 'EventStreamHub default size=1m file=logs/default.journal');
my ($a, $b) = $cluster->nodes;
my $file = $a->root . '/logs/default.journal';
my $from = 0;

sub log_since
{
    my $text = $a->error_log($from);
    $from = $a->log_size;
    return $text;
}

sub state_of
{
    open my $in, '<:raw', $file or return 'none';
    return 'empty' if !read $in, my $head, 16;
    return {1 => 'in use', 2 => 'saved'}->{unpack 'x12 N', $head} // 'unknown';
}

sub publish_id
{
    my ($node, $data, %opt) = @_;
    my $id;
    wait_for(
        sub { return $id = publish($node, 'news', $data, %opt)->{json}{id} },
        20);
    return $id;
}

my $marks = 0;

# What a client of node a gets that resumes with this id.
sub received_after
{
    my ($id) = @_;
    my $client = $cluster->client($a, 'news', id => $id);
    my $mark = 'mark' . ++$marks;
    publish_id($b, $mark);
    my @received;
    while (my $event = $client->next_event(10)) {
        last if $event->{data} eq $mark;
        push @received, $event->{event} eq 'message'
            ? $event->{data} : $event->{event};
    }
    return join ' ', grep { !/^mark/ } @received;
}

sub start_a
{
    my ($name, $conf) = @_;
    $a->rewrite_conf($conf) if $conf;
    ok $a->start_again, "$name: the node starts";
    $cluster->wait_synced($a);
    return $cluster->status($a);
}

# ---- It was stopped, and others published -----------------------------------

my $conf = $a->{conf};
my @id = map { publish_id($a, "n$_") } 1 .. 200;
is state_of(), 'empty', 'there are no events in the file yet';
my $client = $cluster->client($a, 'news', id => $id[198]);
is $client->next_event(10)->{data}, 'n200', 'a client receives events';
log_since();
is $a->stop, 0, 'the node stops';
like log_since(), qr/ES0220\D+200 events/, 'it saves its events';
publish_id($b, "n$_") for 201 .. 205;
my $status = start_a('after a stop');
like log_since(), qr/ES0221\D+200 events/, 'it loads its events';
is $status->{Fills}, 0, 'it does not read the whole stream';
cmp_ok $status->{Entries}, '<=', 10, 'it reads what is new';
cmp_ok $status->{Entries}, '>=', 5, 'all of it';
is state_of(), 'saved', 'its file is a cache, and stays as it is';
is received_after($id[198]), 'n200 n201 n202 n203 n204 n205',
    'a client resumes with what was published meanwhile';
is received_after($id[0]), join(' ', map { "n$_" } 2 .. 205),
    'and one that was away for longer';
my $later = publish_id($b, 'later', id => 'own');
is received_after($later), '', 'ids of other nodes resume';

# ---- Its parent was killed: the file is outdated ----------------------------

publish_id($a, 'after the file');
$a->kill_parent;
publish_id($b, 'while it was dead');
$status = start_a('after a kill');
unlike log_since(), qr/ES0216/, 'the file is still good';
is $status->{Fills}, 0, 'it does not read the whole stream';
is received_after($id[199]) =~ s/ ?mark\d+//gr,
    'n201 n202 n203 n204 n205 later after the file while it was dead',
    'a client resumes, and misses nothing';
is received_after('own'), 'after the file while it was dead',
    'one with a publisher\'s id, too';

# ---- Meanwhile the broker has trimmed its stream ----------------------------

my $old = publish_id($a, 'old');
$a->stop;
publish_id($b, "t$_") for 1 .. 5;
my ($key) = grep { ($cluster->broker->command('TYPE', $_) // '') eq 'stream' }
    @{$cluster->broker->command('KEYS', '*')};
my $kept = publish_id($b, 'kept');
publish_id($b, 'last');
$cluster->broker->command('XTRIM', $key, 'MAXLEN', '2');
log_since();
$status = start_a('after a trim');
like log_since(), qr/ES0221/, 'it loads its events';
is $status->{Fills}, 1, 'but they do not reach back to what the broker has';
is received_after($old), 'stream-reset',
    'a client that has missed something is told';
is received_after($kept), 'last', 'one that has not resumes';

# ---- The broker has forgotten all -------------------------------------------

my $before = publish_id($a, 'before');
$a->stop;
$cluster->broker->command('FLUSHALL');
publish_id($b, 'new');
$status = start_a('after a flush');
is received_after($before), 'stream-reset',
    'a client of before is told, though the file has what it had';
$a->stop;

# ---- Another stream ---------------------------------------------------------

log_since();
start_a('with another key', $conf =~ s/(EventStreamCluster \S+)/$1 key=other/r);
like log_since(), qr/notice.*ES0217/, 'the file is not used, which is logged';
is $cluster->client($a, 'news', id => $before)->next_event(10)->{event},
    'stream-reset', 'its clients are reset';
$a->stop;
log_since();
$a->rewrite_conf($conf =~ s/EventStreamCluster .*\n//r);
ok $a->start_again, 'the node starts without a cluster';
like log_since(), qr/notice.*ES0217/, 'the file is not used then, either';
is state_of(), 'in use', 'it is not a cache any more';
my $alone = publish($a, 'news', 'alone')->{json}{id};
publish($a, 'news', 'alone, too');
$a->stop;
is state_of(), 'saved', 'its events are saved';
start_a('in the cluster again', $conf);
is state_of(), 'in use', 'the file of the hub that was alone is of no use';
publish_id($b, 'for all');
$a->kill_parent;
$a->rewrite_conf($conf =~ s/EventStreamCluster .*\n//r);
ok $a->start_again, 'the node starts alone after a kill';
is $cluster->client($a, 'news', id => $alone)->next_event(10)->{event},
    'stream-reset', 'what was published in the cluster is not passed over';
$alone = publish($a, 'news', 'alone')->{json}{id};
publish($a, 'news', 'alone, too');
log_since();
$a->rewrite_conf($conf);
ok $a->graceful, 'the hub becomes clustered';
$cluster->wait_synced($a);
ok $a->graceful, 'graceful succeeds';
$a->rewrite_conf($conf =~ s/EventStreamCluster .*\n//r);
ok $a->restart, 'it is not clustered any more';
is state_of(), 'in use', 'the file says so';
$a->stop;
like log_since(), qr/ES0220/, 'the events are saved';
ok $a->start_again, 'it starts';
is $cluster->client($a, 'news', id => $alone)->next_event(10)->{event},
    'stream-reset', 'ids of the hub before that are unknown';
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
unlike $_->error_log, qr/:error\]|\[error\]|signal Segm/,
    'the error log has no error' for $a, $b;
done_testing;
