#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each limit at it, over it, and back under it. Who comes over a limit is
# sent away to come back later, and not with an error: an EventSource that
# gets one never comes back.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $locations = <<'CONF';
EventStreamDrain 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}" "news"
    EventStreamRetry 2
</Location>
<Location "/few">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamMaxChannelsPerClient 3
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

# A client that stays, or undef: then it was sent away as it should be.
sub enter
{
    my ($httpd, %options) = @_;
    my $path = delete $options{path} || '/events';
    my $client = subscribe($httpd, $path, %options);
    $client->next_event(5);
    return is_away($client, 0.15) ? undef : $client;
}

sub is_away
{
    my ($client, $seconds) = @_;
    return $client->is_ended($seconds);
}

sub over
{
    my ($httpd, $name, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $opens = delete $options{opens};
    my $client = subscribe($httpd, $options{path} || '/events', %options);
    is $client->status, 200, "$name: over it a stream of 200";
    is $client->header('content-type'), 'text/event-stream', '... its type';
    is $client->is_ended(5), 1, '... with a clean end';
    my $open = $client->next_event(0);
    is $open && $open->{event}, 'stream-open', '... that opens';
    is defined $open->{id} ? 1 : 0, defined $opens ? 0 : 1,
        '... with a position if it has one';
    like $client->bytes, qr/\Aretry: 2000\n\n(?:.*\n\n)?retry: \d+\n\n\z/s,
        '... and a retry at its end';
    $client->next_event(0);
    cmp_ok $client->retry, '>=', 1600, '... of some seconds';
    cmp_ok $client->retry, '<=', 3400, '... varied';
    return;
}

# Waits until one more client may stay.
sub back
{
    my ($httpd, $name, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(sub { enter($httpd, %options) }, 5,
        "$name: back under it one stays");
}

sub all_stay
{
    my ($name, @clients) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is scalar(grep { $_ } @clients), scalar @clients, "$name: at it all stay";
    return;
}

# ---- Clients in all --------------------------------------------------------

my $httpd = EventStream::Httpd->start(conf => $locations
    . "EventStreamMaxClients 5\n");
my $name = 'EventStreamMaxClients';
my @clients = map { enter($httpd) } 1 .. 5;
all_stay($name, @clients);
over($httpd, $name) for 1 .. 3;
my %retries = map { my $c = subscribe($httpd, '/events'); $c->is_ended(5);
    $c->next_event(0); $c->next_event(0); $c->retry => 1 } 1 .. 8;
cmp_ok scalar keys %retries, '>', 1, '... not all at the same time';
my $answer = publish($httpd, 'news', 'hello');
is $answer->{json}{clients}, 5, '... the others are still counted';
is join(' ', map { $_->next_event(5)->{data} } @clients),
    join(' ', ('hello') x 5), '... and served';
(shift @clients)->close;
push @clients, back($httpd, $name);
over($httpd, $name);
$_->close for splice @clients, 0, 2;
push @clients, back($httpd, $name), back($httpd, $name);
over($httpd, $name);
my ($victim) = $httpd->children;
$httpd->kill_child($victim);
my @left = grep { !$_->is_ended(0.1) && !$_->is_cut } @clients;
my $room = @clients - @left;
my @more;
ok wait_for(
    sub {
        push @more, enter($httpd) || ();
        return @more >= $room;
    }, 10), "... a killed child's $room clients are not counted any more";
over($httpd, $name);
$_->close for @left, @more;
undef $httpd;

# ---- Clients of an address -------------------------------------------------

$httpd = EventStream::Httpd->start(conf => $locations . <<'CONF');
EventStreamMaxClientsPerAddress 2
Listen [::ffff:127.0.0.3]:@PORT@
CONF
$name = 'EventStreamMaxClientsPerAddress';
@clients = map { enter($httpd) } 1 .. 2;
all_stay($name, @clients);
over($httpd, $name);
is publish($httpd, 'news', 'x')->{json}{clients}, 2, '... counted';
my @others = map { enter($httpd, from => "127.0.0.$_") } 2 .. 4;
is grep({ $_ } @others), 3, '... each other address has its own';
# httpd's preset "Listen 80" shows IPv4 clients as ::ffff:a.b.c.d
my @mapped = map {
    enter($httpd, from => "127.0.0.$_", host => '127.0.0.3')
} 5 .. 8;
is grep({ $_ } @mapped), 4, '... also by a socket for IPv4 and IPv6';
(shift @clients)->close;
push @clients, back($httpd, $name);
over($httpd, $name);
$_->close for grep { $_ } @clients, @others, @mapped;
undef $httpd;

# ---- Channels in all -------------------------------------------------------

$httpd = EventStream::Httpd->start(conf => $locations
    . "EventStreamMaxChannels 8\n");
$name = 'EventStreamMaxChannels';
@clients = map { enter($httpd, path => "/events?c=$_") } 1 .. 7;
all_stay($name, @clients);
my $same = enter($httpd, path => '/events?c=1');
ok $same, '... one more on channels that there are';
over($httpd, $name, path => '/events?c=8', opens => 0);
over($httpd, $name, path => '/events?c=8&c=9&c=10', opens => 0);
is publish($httpd, '8', 'x')->{status}, 503,
    '... publishing to one more is refused';
$answer = publish($httpd, '7', 'x');
is $answer->{status}, 200, '... publishing to one that there is works';
is $clients[6]->next_event(5)->{data}, 'x', '... and is heard';
(splice @clients, 1, 1)->close;
push @clients, back($httpd, $name, path => '/events?c=8');
$_->close for @clients, $same;
undef $httpd;

# ---- Channels of a client --------------------------------------------------

$httpd = EventStream::Httpd->start(conf => $locations);
$name = 'EventStreamMaxChannelsPerClient';
is subscribe($httpd, '/few?c=1&c=2&c=3')->status, 200, "$name: at it";
my $refused = get($httpd, '/few?c=1&c=2&c=3&c=4');
is $refused->{status}, 400, '... over it';
is $refused->{body}, "Too many channels: at most 3 for a client.\n",
    '... it says so';
is subscribe($httpd, '/few?c=1&c=2')->status, 200, '... under it';
my $list = join '&', map { "c=$_" } 1 .. 99;
is subscribe($httpd, "/events?$list")->status, 200, '... the preset is 100';
is subscribe($httpd, "/events?$list&c=100")->status, 400, '... not 101';

done_testing;
