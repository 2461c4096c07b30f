#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Sentinels and brokers that speak TLS (rediss+sentinel://), and let nobody in
# without a certificate, as they do by preset: two servers of a cluster, and a
# failover. Then what a link says of Sentinels that it cannot use.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::BrokerLink;
use EventStream::Client;
use EventStream::Cluster;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Redis;
use EventStream::Sentinels;

EventStream::BrokerLink->or_skip;
EventStream::Redis->or_skip;

my $primary = EventStream::Redis->start(tls => 1, tls_clients => 'yes',
    user => 'app', password => 'p@ss/word:"x"');
my $replica = EventStream::Redis->start(tls => 1, replica_of => $primary);
$primary->wait_for_replicas(1);
my $sentinels = EventStream::Sentinels->start($primary, tls => 1,
    replicas => 1);

# The children of httpd read these.
chmod 0755, $primary->root;
chmod 0644, $primary->key_file;
my ($ca, $key) = ($primary->ca_file, $primary->key_file);

# Links whose end at the broker is another port than that for TLS, but for that
# of this test.
sub plain_links
{
    my ($broker) = @_;
    my $port = $broker->tls_port;
    return grep { !/ laddr=127\.0\.0\.1:$port / && !/ cmd=client\|list / }
        split /\n/, $broker->command('CLIENT', 'LIST');
}

sub links { return scalar(() = $_[0]->command('CLIENT', 'LIST') =~ /$_[1]/g) }

# ---- A cluster ---------------------------------------------------------------

like $sentinels->url,
    qr{^rediss\+sentinel://app:[^@]+@(?:[\d.]+:\d+,?){3}/es$},
    'the URL has all Sentinels';
my $cluster = EventStream::Cluster->start(
    broker => $primary, url => $sentinels->url,
    words => "timeout=2s ca=$ca cert=$ca key-file=$key");
my ($a, $b) = $cluster->nodes;
my $client = $cluster->client($b, 'news');
is publish($a, 'news', 'hello', id => 'first')->{status}, 200,
    'an event is published on one server';
is $client->next_event(20)->{data}, 'hello', 'and received on the other one';
cmp_ok links($primary, 'name=mod_eventstream'), '>=', 2,
    'both servers have links to the primary';
cmp_ok links($primary, 'name=sentinel'), '>=', 3, 'so have the Sentinels';
cmp_ok links($primary, 'flags=S'), '==', 1, 'and the replica';
is join("\n", plain_links($primary)), '', 'all of them over TLS';

# acks=primary: what the replica has not got would be lost
$primary->wait_for_replicas(1);
$primary->kill;
ok $sentinels->wait_for_primary($replica, 60), 'the replica takes over';
wait_for(
    sub {
        return publish($a, 'news', 'after', id => 'after', timeout => 20)
            ->{status} == 200;
    }, 60, 'publishing goes on by itself');

sub comes
{
    my ($wanted) = @_;
    my $event;
    do { $event = $cluster->event_of($client, 20) }
        until !$event || grep { $_ eq $wanted } @$event{qw(event data)};
    return !!$event;
}

# What was published before the other server had its link is not told.
ok comes('stream-reset'), 'clients of the other server are told';
publish($a, 'news', 'last');
ok comes('last'), 'and receive what is published then';
my $status;
wait_for(
    sub {
        $status = publish($b, 'news', 'changed', id => 'first', timeout => 20)
            ->{status};
        return $status != 503;
    }, 60, 'it publishes again, too');
is $status, 409, 'the new primary knows what was published before';
cmp_ok links($replica, 'name=mod_eventstream'), '>=', 2,
    'both servers have links to it';
is join("\n", plain_links($replica)), '', 'over TLS';
is $_->stop, 0, 'httpd stops with exit status 0' for $a, $b;
for my $node ($a, $b) {
    unlike $node->error_log, qr/ss\/word|ss%2Fword/,
        'the log has no password';
    unlike $node->error_log, qr/\[[^\]]*:(?:error|crit|alert|emerg)\]|signal/,
        'the error log has no error';
}
$_->finish for $replica, $sentinels->list;

# ---- Sentinels that are refused, and that refuse -----------------------------

my $link = EventStream::BrokerLink->new;
my @files = ("ca=$ca", "cert=$ca", "key=$key");
$primary->run;

sub opens { return $link->order('open', 10000, @_) }

sub sentinel
{
    my ($broker, $name, %opt) = @_;
    my $set = EventStream::Sentinels->start($broker, count => 1, name => $name,
        %opt);
    return ($set, ($set->list)[0]);
}

my ($one, $sentinel) = sentinel($primary, 'one', tls => 1);
my $at = '127.0.0.1:' . $sentinel->tls_port;
like opens($one->url, @files),
    qr/^ok \S+ 127\.0\.0\.1:@{[$primary->tls_port]}$/,
    'a link by one Sentinel';
is opens($one->url, "ca=$ca"),
    "egeneral $at: error of TLS: tlsv13 alert certificate required",
    'a server without a certificate is told so';
like opens($one->url =~ s/rediss/redis/r, @files),
    qr/^(?:egeneral|eof|timeup) \Q$at\E: /,
    'one that does not speak TLS cannot use it';

# A Sentinel is as trustworthy as its certificate.
my $stranger = EventStream::Redis->start(tls => 1);
my ($foreign, $untrusted) = sentinel($primary, 'foreign', tls => 1,
    certificate => $stranger);
my $there = '127.0.0.1:' . $untrusted->tls_port;
is opens($foreign->url, @files),
    "egeneral $there: its certificate is refused: self-signed certificate",
    'a Sentinel whose certificate is not of the CA is refused';
like opens($foreign->url, 'verify=0', @files[1, 2]), qr/^ok /,
    'unless nothing is checked';
(my $both = $foreign->url) =~ s/\Q$there\E/$there,$at/;
like opens($both =~ s/foreign$/one/r, @files), qr/^ok /,
    'it does not keep a link from another Sentinel';

my ($plain, $plain_one) = sentinel($stranger, 'plain');
my $url = $plain->url =~ s/redis/rediss/r;
$there = $plain_one->address;
# It takes what it gets for a command, which it waits for or refuses.
my $no_tls = qr/\Q$there\E: (?:no TLS handshake in time|the TLS handshake )/;
like opens($url, @files), qr/^(?:timeup|egeneral) $no_tls/,
    'a Sentinel that does not speak TLS is told';
my $node = $cluster->start_node(
    conf => $cluster->conf =~ s/\Q@{[$sentinels->url]}/$url/r);
wait_for(sub { ($cluster->status($node)->{Error} || '') =~ $no_tls }, 60,
    'also on the status page of httpd');
is $node->stop, 0, 'httpd stops with exit status 0';

# ---- Certificates for names --------------------------------------------------

# Sentinels tell addresses, unless they are told to resolve names.
my $named = EventStream::Redis->start(tls => 1, names => 'DNS:localhost');
my ($set, $knows) = sentinel($named, 'named', tls => 1);
$url = $set->url =~ s/127\.0\.0\.1/localhost/r;
my $port = $named->tls_port;
$ca = 'ca=' . $named->ca_file;
is opens($url, $ca), "egeneral 127.0.0.1:$port: its certificate is refused: "
    . 'IP address mismatch', 'a broker without its address in its certificate';
$knows->command(qw(SENTINEL CONFIG SET), $_, 'yes')
    for qw(resolve-hostnames announce-hostnames);
$knows->command(qw(SENTINEL REMOVE named));
$knows->command(qw(SENTINEL MONITOR named localhost), $port, 1);
like opens($url, $ca), qr/^ok \S+ localhost:$port$/,
    'a Sentinel that tells names leads to it';
done_testing;
