#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The ways to a broker that EventStreamCluster takes: TLS, a Unix socket, a user
# and a database, and Sentinels, which lead to the next primary when one dies.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use EventStream::Client;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Redis;
use EventStream::Sentinels;

EventStream::Redis->or_skip;

sub next_of
{
    my ($client, $seconds) = @_;
    my $event = $client->next_event($seconds // 10) or return 'nothing';
    return $event->{event} eq 'message' ? $event->{data} : $event->{event};
}

# A server with this directive, and a client of it.
sub node
{
    my ($words, %opt) = @_;
    my $node = EventStream::Httpd->start(modules => ['status'],
        conf => status_conf() . <<"CONF", %opt);
EventStreamCluster $words timeout=2s
EventStreamKeepAlive 0
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamRetry 10ms
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    return $node;
}

sub is_shared
{
    my ($from, $to, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_for(sub { EventStream::Cluster->is_synced($to) }, 20,
        "$name: the server follows the stream");
    my $client = EventStream::Cluster->client($to, 'news');
    my $answer = wait_for(
        sub {
            my $got = publish($from, 'news', $name, timeout => 20);
            return $got->{status} == 200 && $got;
        }, 20, "$name: it is published");
    is next_of($client), $name, "$name: and received elsewhere";
    return;
}

# ---- TLS, Unix sockets, users ----------------------------------------------

my $broker = EventStream::Redis->start(tls => 1, user => 'app',
    password => 'p@ss/word:"x"');
my $plain = node($broker->url(3));
my $ca = $broker->ca_file;
chmod 0755, $broker->root;
for my $case (['TLS', $broker->tls_url(3) . " ca=$ca"],
    ['TLS without a check', $broker->tls_url(3) . ' verify=off'],
    ['a certificate of its own', $broker->tls_url(3)
        . " ca=$ca cert=$ca key-file=" . $broker->root . '/key.pem']) {
    my ($name, $words) = @$case;
    chmod 0644, $broker->root . '/key.pem';
    my $node = node($words);
    is_shared($plain, $node, $name);
    is_shared($node, $plain, "$name, back");
    unlike $node->error_log, qr/ss\/word/, "$name: the log has no password";
    is $node->stop, 0, "$name: httpd stops with exit status 0";
}
my $distrust = node($broker->tls_url(3));
my $answer = publish($distrust, 'news', 'x', timeout => 20);
is $answer->{status}, 503, 'a certificate that nobody has signed is refused';
wait_for(
    sub {
        EventStream::Cluster->status($distrust)->{Error} =~ /certificate/i
    }, 10, 'the status page says so');
is $distrust->stop, 0, 'httpd stops with exit status 0';

chmod 0777, $broker->root . '/socket';
my $local = node($broker->unix_url(3));
is_shared($plain, $local, 'a Unix socket');
is_shared($local, $plain, 'a Unix socket, back');
my $elsewhere = node($broker->url(4));
my $lonely = EventStream::Cluster->client($elsewhere, 'news');
is_shared($plain, $local, 'a database');
is next_of($lonely, 0.5), 'nothing', 'another database is another stream';
is $_->stop, 0, 'httpd stops with exit status 0' for $plain, $local, $elsewhere;

# ---- Sentinels -------------------------------------------------------------

my $primary = EventStream::Redis->start;
my $replica = EventStream::Redis->start(replica_of => $primary);
$primary->wait_for_replicas(1);
my $sentinels = EventStream::Sentinels->start($primary, replicas => 1);
my @nodes = map { node($sentinels->url . ' acks=replica') } 1, 2;
is_shared($nodes[0], $nodes[1], 'Sentinels');
my $client = EventStream::Cluster->client($nodes[1], 'news');
# A broker tells since when it runs in whole seconds, and what it got in the
# first of them is not vouched for.
wait_for(sub { $replica->info('uptime_in_seconds') >= 2 }, 10,
    'the replica runs for two seconds');
publish($nodes[0], 'news', 'acknowledged', id => 'first');
is next_of($client), 'acknowledged', 'an event is received';
my $last = $client->last_id;
$primary->kill;
is publish($nodes[0], 'news', 'during', id => 'during', timeout => 20)
    ->{status}, 503, 'while there is no primary, publishers get 503';
ok $sentinels->wait_for_primary($replica), 'the replica takes over';
# acks=replica asks for a replica of the new primary
my $other = EventStream::Redis->start(replica_of => $replica);
$replica->wait_for_replicas(1);
wait_for(
    sub {
        return publish($nodes[0], 'news', 'after', id => 'after',
            timeout => 20)->{status} == 200;
    }, 60, 'publishing goes on by itself');
my @got;
do { push @got, next_of($client) }
    until $got[-1] eq 'after' || $got[-1] eq 'nothing';
is $got[-1], 'after', 'the stream goes on';
ok !grep({ $_ eq 'stream-reset' } @got),
    'as a replica had all that was acknowledged, no reset is due'
    or diag join ' ', @got;
is publish($nodes[1], 'news', 'acknowledged', id => 'own')->{status}, 200,
    'events are published on the other server, too';
my $resumed = EventStream::Cluster->client($nodes[0], 'news', id => $last);
isnt next_of($resumed), 'stream-reset', 'an id of before the failover is known';
is publish($nodes[1], 'news', 'changed', id => 'first')->{status}, 409,
    'ids of publishers, too';
is $_->stop, 0, 'httpd stops with exit status 0' for @nodes;
for my $node (@nodes) {
    unlike $node->error_log, qr/\[[^\]]*:(?:error|crit|alert|emerg)\]|signal/,
        'the error log has no error';
}
done_testing;
