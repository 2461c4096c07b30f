#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reliable mode as a proxy sees it: the ids in the hold, and the answer when the
# proxy asks by the link for missed events.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;
use EventStream::Pushpin;

my $conf = <<'CONF';
EventStreamHub small size=256k
EventStreamGrip "http://127.0.0.1:@PORT:dead@" verify-key=changeme
EventStreamGripReliable on
EventStreamGripOnError ignore
EventStreamGrip hub=small "http://127.0.0.1:@PORT:dead@" verify-key=changeme
EventStreamGripReliable hub=small on
EventStreamGripOnError hub=small ignore
EventStreamHub few size=2m history=10
EventStreamGrip hub=few "http://127.0.0.1:@PORT:dead@" verify-key=changeme
EventStreamGripReliable hub=few on
EventStreamGripOnError hub=few ignore
EventStreamHub brief size=256k age=1s
EventStreamGrip hub=brief "http://127.0.0.1:@PORT:dead@" verify-key=changeme
EventStreamGripReliable hub=brief on
EventStreamGripOnError hub=brief ignore
EventStreamRetry 2
<Location "/">
    Require all denied
</Location>
<Location "/o,d;d é/grip-next/">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    Require all granted
</Location>
<Location "/small">
    SetHandler eventstream
    EventStreamUseHub small
    EventStreamChannel "{?c}"
    EventStreamKeepAliveForm comment
    Require all granted
</Location>
<LocationMatch "^/hub/(?<room>few|brief)$">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    Require all granted
</LocationMatch>
<Location "/hub/few">
    EventStreamUseHub few
</Location>
<Location "/hub/brief">
    EventStreamUseHub brief
</Location>
<LocationMatch "^/exact$">
    SetHandler eventstream
    EventStreamUseHub small
    EventStreamChannel "{?c}"
    Require all granted
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
    Require all granted
</Location>
<Location "/fill">
    SetHandler eventstream-publish
    EventStreamUseHub small
    Require all granted
</Location>
<Location "/fill/few">
    EventStreamUseHub few
</Location>
<Location "/fill/brief">
    EventStreamUseHub brief
</Location>
CONF
# Links that are made in different hours differ.
my $clock = EventStream::Clock->new;
$clock->set(int(time / 3600) * 3600);
my $httpd = EventStream::Httpd->start($clock->options, conf => $conf);

my $good = 'Grip-Sig: ' . EventStream::Pushpin->sign('changeme');

sub grip_of
{
    my ($answer) = @_;
    my %grip = (status => $answer->{status}, body => $answer->{body},
        hold => $answer->{headers}{'grip-hold'},
        keep => $answer->{headers}{'grip-keep-alive'});
    my $channels = $answer->{headers}{'grip-channel'};
    if (defined $channels) {
        for my $item (split /, /, $channels) {
            my ($name, $id) = $item =~ /^(.*); prev-id=(\d+-\d+)$/;
            $grip{last}{$name // $item} = $id;
        }
    }
    ($grip{link}) = ($answer->{headers}{'grip-link'} // '') =~
        /^<(.*)>; rel=next; timeout=120$/;
    $grip{data} = [$answer->{body} =~ /^data: (.*)/mg];
    $grip{events} = [$answer->{body} =~ /^event: (.*)/mg];
    return \%grip;
}

sub hold
{
    my ($path) = @_;
    return grip_of(get($httpd, $path, $good));
}

sub last_header
{
    my ($last) = @_;
    return 'Grip-Last: ' . join ', ',
        map { "$_; last-id=$last->{$_}" } sort keys %$last;
}

# Asks as a proxy does, with the ids that it knows.
sub ask
{
    my ($grip, %more) = @_;
    return grip_of(get($httpd, $grip->{link}, $more{sig} || $good,
        last_header({%{$grip->{last} || {}}, %{$more{last} || {}}})));
}

# ---- The hold ----------------------------------------------------------------

my $grip = hold('/small?c=a&c=b');
is $grip->{hold}, 'stream', 'a request is held';
is_deeply [sort keys %{$grip->{last}}], ['events-a', 'events-b'],
    'the hold has an id for each channel, also for one without events';
like $grip->{link}, qr{^/small/grip-next/[\w-]+$},
    'the hold has a link below its path';
is_deeply $grip->{events}, ['stream-open'], 'the hold opens the stream';

# ---- Nothing was missed ------------------------------------------------------

my $next = ask($grip);
is $next->{status}, 200, 'the link is answered with 200';
is $next->{body}, '', 'the answer has no event and no stream-open';
is_deeply {%$next, body => 0, data => 0, events => 0},
    {%$grip, body => 0, data => 0, events => 0},
    'the answer has the same instruction as the hold';
like $next->{keep}, qr/^: keep-alive/,
    'the answer has the keep-alive of the Location';

# ---- Events were missed ------------------------------------------------------

sub fill
{
    my ($channel, @data) = @_;
    return fill_hub('', $channel, @data);
}

sub fill_hub
{
    my ($hub, $channel, @data) = @_;
    my $got;
    $got = publish($httpd, $channel, $_, path => "/fill$hub") for @data;
    return $got->{json}{id};
}

my $id = fill('a', 1, 2);
fill('other', 'x');
$next = ask($grip);
is_deeply $next->{data}, [1, 2],
    'the answer has the missed events of its channels only';
is_deeply $next->{events}, [],
    'the answer has no stream-open and no stream-reset';
is $next->{last}{'events-a'}, $id, 'the answer has the last id of the channel';
is $next->{last}{'events-b'}, $grip->{last}{'events-b'},
    'the answer has the same id for the other channel';
is $next->{link}, $grip->{link}, 'the answer has the same link';
is ask($grip)->{body}, $next->{body}, 'the same request gets the same answer';
is ask($next)->{body}, '', 'a request with the new ids gets no event';

fill('b', 3);
fill('a', 4);
my $both = ask($next, last => {'events-a' => ask($next)->{last}{'events-a'}});
is_deeply $both->{data}, [3],
    'each channel is answered from the id that was seen of it';
is_deeply ask($next)->{data}, [3, 4],
    'missed events of both channels are in order';
is_deeply hold('/small?c=a')->{data}, [''],
    'a new client gets no earlier events';
is hold('/small?c=a')->{last}{'events-a'}, ask($next)->{last}{'events-a'},
    'a new client gets the same id as one that resumes';

# ---- When events may be missing ----------------------------------------------

sub is_reset
{
    my ($got, $name) = @_;
    is_deeply $got->{events}, ['stream-reset'], "$name gets a reset";
    is $got->{hold}, 'stream', "$name: the client is held";
    is ask($got)->{body}, '', "$name: the client has missed nothing then";
    return;
}

is_reset(ask($grip, last => {'events-b' => '1-1'}), 'an id of another journal');
is_reset(ask($grip, last => {'events-b' => 'x'}), 'an id that is none');
is_reset(grip_of(get($httpd, $grip->{link}, $good)), 'no id');
is_reset(ask($grip, last => {'events-a' => '99999999999999-'
    . ($grip->{last}{'events-a'} =~ s/.*-//r)}), 'an id from the future');
my $old = hold('/small?c=a');
fill('a', map { $_ . 'x' x 50_000 } 1 .. 8);
is_reset(ask($old), 'an event that the journal has evicted');

# a quiet channel gets no reset when the journal wraps around
my $quiet = hold('/small?c=quiet');
fill('a', map { $_ . 'x' x 50_000 } 1 .. 8);
is ask($quiet)->{body}, '', 'a quiet channel has missed nothing';

# ---- history= and age= -------------------------------------------------------

my $few = hold('/hub/few?c=a');
fill_hub('/few', 'a', 1 .. 10);
is_deeply ask($few)->{data}, [1 .. 10],
    'as many events as history= allows are recovered';
fill_hub('/few', 'b', 1 .. 10);
is_deeply ask($few)->{data}, [1 .. 10],
    'events of another channel do not count for history=';
fill_hub('/few', 'a', 11);
is_reset(ask($few), 'one event more than history= allows');
my $known = 'Last-Event-ID: ' . $few->{last}{'events-a'};
is_deeply grip_of(get($httpd, '/hub/few?c=a', $good, $known))->{events},
    ['stream-open', 'stream-reset'],
    'a client that subscribes with that id gets the same reset';

$few = hold('/hub/few?c=long');
fill_hub('/few', 'long', map { $_ . '-' x 60_000 } 1 .. 10);
my $first = ask($few);
is $first->{hold}, undef, 'an answer with a part of the events holds nothing';
fill_hub('/few', 'long', 11 .. 20);
my @rest = map { /^(\d+)/ } @{$first->{data}}, @{ask($first)->{data}};
is_deeply \@rest, [1 .. 20],
    'the next answer has the rest, more events than history= allows';

my $brief = hold('/hub/brief?c=a&c=quiet');
fill_hub('/brief', 'a', 1);
sleep 2;
is_reset(ask($brief), 'an event older than age=');
my $calm = hold('/hub/brief?c=quiet');
is ask($calm)->{body}, '',
    'a channel without events has missed nothing, however old the hold';

# ---- Long answers ------------------------------------------------------------

my $odd = '/o,d;d%20%C3%A9/grip-next/x';
my $long = hold("$odd?c=long");
like $long->{link}, qr{^/o%2Cd%3Bd%20%C3%A9/grip-next/x/grip-next/}i,
    'the link encodes characters that end a URI in a header';
publish($httpd, 'long', $_ . '-' x 60_000) for 1 .. 20;
my (@pieces, @got);
for ($next = ask($long); @pieces < 9; $next = ask($next)) {
    push @pieces, $next;
    push @got, map { /^(\d+)/ } @{$next->{data}};
    last if $next->{hold};
    ok length $next->{body} <= 512 * 1024,
        'an answer is no longer than its limit';
}
is_deeply \@got, [1 .. 20], 'several answers have each event once';
is scalar @pieces, 3, 'there are three of them';
is $pieces[0]{hold}, undef, 'the first holds nothing';
is_deeply ask($pieces[-1])->{data}, [], 'the last has all that was missed';
is $pieces[-1]{link}, $long->{link}, 'the last has the link of the hold';

my $names = join '&', map { 'c=' . $_ x 240 } 'a' .. 't';
$got[0] = get($httpd, "/small?$names", $good);
is $got[0]{status}, 400,
    'channel names that do not fit into a link are refused';
is $got[0]{headers}{'grip-hold'}, undef,
    'a request that is refused is not held';
$names =~ s/&.*//;
ok hold("/small?$names")->{link}, 'one of these names fits into a link';

# ---- Requests that are refused ----------------------------------------------

$grip = hold('/exact?c=a');
is ask($grip)->{hold}, 'stream',
    'the link is answered though no Location matches it';
is get($httpd, $grip->{link})->{status}, 403,
    'without Grip-Sig the path belongs to its Location';
is ask($grip, sig => 'Grip-Sig: ' . EventStream::Pushpin->sign('x'))->{body},
    "GRIP Signature Invalid.\n", 'a bad signature is refused';
is request($httpd, 'POST', $grip->{link}, headers => [$good])->{status}, 403,
    'the link takes GET only';
(my $forged = $grip->{link}) =~ s/(.)$/$1 eq 'A' ? 'B' : 'A'/e;
(my $other = $grip->{link}) =~ s/(next\/.)(.)/$1 . ($2 eq '_' ? 'A' : '_')/e;
for my $link ($other, $grip->{link} =~ s/.$//r) {
    my $got = get($httpd, $link, $good, last_header($grip->{last}));
    is grip_of($got)->{hold}, undef, 'a link that is not ours holds nothing';
}
my $got = get($httpd, $forged, $good, last_header($grip->{last}));
ok $got->{status} == 403 || $got->{body} =~ /\Aretry: \d+\n\z/,
    'a forged link is refused or ends the stream with a retry';

# ---- Closed channels and restarts --------------------------------------------

my $still = hold('/small?c=a');
my $closing = hold('/small?c=done');
$got = request($httpd, 'DELETE', '/fill?channel=done');
is $got->{status}, 200, 'a channel is closed';
$next = ask($closing);
is $next->{body}, "retry: 2000\n",
    'a client of the closed channel gets the end when its proxy asks';
is $next->{hold}, undef, 'it is not held';
is $next->{link}, undef, 'it has no link';
is get($httpd, '/small?c=done', $good)->{status}, 204,
    'a client that reconnects to the closed channel gets 204';
is ask($still)->{hold}, 'stream', 'a client of another channel is held';

# A server that was stopped and started has another journal, as any other server
# has.
my $another = EventStream::Httpd->start(conf => $conf);
$got = get($another, $still->{link}, $good, last_header($still->{last}));
is $got->{body}, "retry: 3000\n",
    'a link of another journal ends the stream with a retry';
is grip_of($got)->{hold}, undef, 'a link of another journal is not held';
$another->stop;

$httpd->graceful;
is ask($still)->{body}, '', 'a link is good after graceful';
is ask($still)->{hold}, 'stream', 'a link holds after graceful';
is $httpd->stop, 0, 'httpd stops with exit status 0';

# ---- A server that is full ---------------------------------------------------

# An EventSource that gets an HTTP error never reconnects.
$httpd = EventStream::Httpd->start(conf => "EventStreamMaxChannels 2\n$conf");
$grip = hold('/small?c=a');
my @clients = map { subscribe($httpd, "/small?c=$_") } qw(b c);
$got = get($httpd, $grip->{link}, $good, last_header($grip->{last}));
is $got->{status}, 200, 'where all channels are in use, the answer is 200';
is $got->{body}, "retry: 2000\n", 'and the client is asked to reconnect';
is grip_of($got)->{hold}, undef, 'and is not held';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
