#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reliable mode, as a proxy sees it: ids in the hold, and what is answered when
# it asks by the link for what was missed.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
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
my $httpd = EventStream::Httpd->start(conf => $conf);

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

# As a proxy asks: with what it knows.
sub ask
{
    my ($grip, %more) = @_;
    return grip_of(get($httpd, $grip->{link}, $more{sig} || $good,
        last_header({%{$grip->{last} || {}}, %{$more{last} || {}}})));
}

# ---- the hold ----------------------------------------------------------------

my $grip = hold('/small?c=a&c=b');
is $grip->{hold}, 'stream', 'a hold';
is_deeply [sort keys %{$grip->{last}}], ['events-a', 'events-b'],
    'with an id for each channel, also for one that had no event';
like $grip->{link}, qr{^/small/grip-next/[\w-]+$}, 'and a link below its path';
is_deeply $grip->{events}, ['stream-open'], 'it opens the stream';

# ---- nothing missed ----------------------------------------------------------

my $next = ask($grip);
is $next->{status}, 200, 'asked at once: an answer';
is $next->{body}, '', 'nothing new, and no stream-open';
is_deeply {%$next, body => 0, data => 0, events => 0},
    {%$grip, body => 0, data => 0, events => 0}, 'the hold is as before';
like $next->{keep}, qr/^: keep-alive/, 'with the keep-alive of the Location';

# ---- something missed --------------------------------------------------------

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
is_deeply $next->{data}, [1, 2], 'what was missed, and only of its channels';
is_deeply $next->{events}, [], 'no stream-open, no stream-reset';
is $next->{last}{'events-a'}, $id, 'the last id of the channel';
is $next->{last}{'events-b'}, $grip->{last}{'events-b'}, 'the other as before';
is $next->{link}, $grip->{link}, 'the link is the same';
is ask($grip)->{body}, $next->{body}, 'the same question gets the same answer';
is ask($next)->{body}, '', 'with the new ids there is nothing more';

fill('b', 3);
fill('a', 4);
my $both = ask($next, last => {'events-a' => ask($next)->{last}{'events-a'}});
is_deeply $both->{data}, [3], 'each channel from what was seen of it';
is_deeply ask($next)->{data}, [3, 4], 'events of both in order';
is_deeply hold('/small?c=a')->{data}, [''],
    'a new client gets no events of before';
is hold('/small?c=a')->{last}{'events-a'}, ask($next)->{last}{'events-a'},
    'but the same id';

# ---- what cannot be vouched for ----------------------------------------------

sub is_reset
{
    my ($got, $name) = @_;
    is_deeply $got->{events}, ['stream-reset'], $name;
    is $got->{hold}, 'stream', '... the client is held further on';
    is ask($got)->{body}, '', '... and has missed nothing then';
    return;
}

is_reset(ask($grip, last => {'events-b' => '1-1'}), 'an id of another journal');
is_reset(ask($grip, last => {'events-b' => 'x'}), 'one that is none');
is_reset(grip_of(get($httpd, $grip->{link}, $good)), 'none at all');
is_reset(ask($grip, last => {'events-a' => '99999999999999-'
    . ($grip->{last}{'events-a'} =~ s/.*-//r)}), 'one from the future');
my $old = hold('/small?c=a');
fill('a', map { $_ . 'x' x 50_000 } 1 .. 8);
is_reset(ask($old), 'events that the ring has evicted');

# quiet channels are not reset by the turning of the ring
my $quiet = hold('/small?c=quiet');
fill('a', map { $_ . 'x' x 50_000 } 1 .. 8);
is ask($quiet)->{body}, '', 'a quiet channel has missed nothing';

# ---- how far back ------------------------------------------------------------

my $few = hold('/hub/few?c=a');
fill_hub('/few', 'a', 1 .. 10);
is_deeply ask($few)->{data}, [1 .. 10], 'as many events as history= says';
fill_hub('/few', 'b', 1 .. 10);
is_deeply ask($few)->{data}, [1 .. 10], '... of each channel';
fill_hub('/few', 'a', 11);
is_reset(ask($few), 'one more');
my $known = 'Last-Event-ID: ' . $few->{last}{'events-a'};
is_deeply grip_of(get($httpd, '/hub/few?c=a', $good, $known))->{events},
    ['stream-open', 'stream-reset'], '... as who comes anew is told';

$few = hold('/hub/few?c=long');
fill_hub('/few', 'long', map { $_ . '-' x 60_000 } 1 .. 10);
my $first = ask($few);
is $first->{hold}, undef, 'an answer of several pieces';
fill_hub('/few', 'long', 11 .. 20);
my @rest = map { /^(\d+)/ } @{$first->{data}}, @{ask($first)->{data}};
is_deeply \@rest, [1 .. 20], '... goes on to its end, as a stream does';

my $brief = hold('/hub/brief?c=a&c=quiet');
fill_hub('/brief', 'a', 1);
sleep 2;
is_reset(ask($brief), 'an event that is older than age=');
my $calm = hold('/hub/brief?c=quiet');
is ask($calm)->{body}, '', 'but not when there was none';

# ---- long answers ------------------------------------------------------------

my $odd = '/o,d;d%20%C3%A9/grip-next/x';
my $long = hold("$odd?c=long");
like $long->{link}, qr{^/o%2Cd%3Bd%20%C3%A9/grip-next/x/grip-next/}i,
    'what ends a URI in a header is encoded in the link';
publish($httpd, 'long', $_ . '-' x 60_000) for 1 .. 20;
my (@pieces, @got);
for ($next = ask($long); @pieces < 9; $next = ask($next)) {
    push @pieces, $next;
    push @got, map { /^(\d+)/ } @{$next->{data}};
    last if $next->{hold};
    ok length $next->{body} <= 512 * 1024, 'a piece is bounded';
}
is_deeply \@got, [1 .. 20], 'a long answer comes in pieces, each event once';
is scalar @pieces, 3, 'of half a megabyte';
is $pieces[0]{hold}, undef, 'those before the last hold nothing';
is_deeply ask($pieces[-1])->{data}, [], 'after the last there is nothing';
is $pieces[-1]{link}, $long->{link}, 'and the link is that of the hold';

my $names = join '&', map { 'c=' . $_ x 240 } 'a' .. 't';
$got[0] = get($httpd, "/small?$names", $good);
is $got[0]{status}, 400, 'names that do not fit into a link are refused';
is $got[0]{headers}{'grip-hold'}, undef, 'and not held without one';
$names =~ s/&.*//;
ok hold("/small?$names")->{link}, 'one of them fits';

# ---- who may ask -------------------------------------------------------------

$grip = hold('/exact?c=a');
is ask($grip)->{hold}, 'stream', 'no Location need let the link in';
is get($httpd, $grip->{link})->{status}, 403,
    'without Grip-Sig the path is what its Location says';
is ask($grip, sig => 'Grip-Sig: ' . EventStream::Pushpin->sign('x'))->{body},
    "GRIP Signature Invalid.\n", 'a bad signature is refused';
is request($httpd, 'POST', $grip->{link}, headers => [$good])->{status}, 403,
    'only GET';
(my $forged = $grip->{link}) =~ s/(.)$/$1 eq 'A' ? 'B' : 'A'/e;
for my $link ($grip->{link} =~ s/(next\/.)./$1_/r, $grip->{link} =~ s/.$//r) {
    my $got = get($httpd, $link, $good, last_header($grip->{last}));
    is grip_of($got)->{hold}, undef, 'a link that is not ours holds nothing';
}
my $got = get($httpd, $forged, $good, last_header($grip->{last}));
ok $got->{status} == 403 || $got->{body} =~ /\Aretry: \d+\n\n\z/,
    'and ends the stream with a retry';

# ---- closed, and restarts ----------------------------------------------------

my $still = hold('/small?c=a');
my $closing = hold('/small?c=done');
$got = request($httpd, 'DELETE', '/fill?channel=done');
is $got->{status}, 200, 'a channel is closed';
$next = ask($closing);
is $next->{body}, "retry: 2000\n\n", 'its held clients end when they ask';
is $next->{hold}, undef, 'no hold';
is $next->{link}, undef, 'and no link';
is get($httpd, '/small?c=done', $good)->{status}, 204, 'and are to stay away';
is ask($still)->{hold}, 'stream', 'others stay';

# One that was stopped and started has another journal, as any other one has.
my $stranger = EventStream::Httpd->start(conf => $conf);
$got = get($stranger, $still->{link}, $good, last_header($still->{last}));
is $got->{body}, "retry: 3000\n\n", 'a link of another journal: the end';
is grip_of($got)->{hold}, undef, 'and is not held';
$stranger->stop;

$httpd->graceful;
is ask($still)->{body}, '', 'a link outlives graceful';
is ask($still)->{hold}, 'stream', 'and holds';
is $httpd->stop, 0, 'httpd stops in good order';
done_testing;
