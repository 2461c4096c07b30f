#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The numbers of TLS records, as they have stood on the wire. First mod_ssl
# seals, then the delivery, then those of the children that the client goes to,
# all with one count. A number that is used for two records would show an
# attacker what their texts have in common. So here a relay keeps what the
# server has sent, and each number must be there once, whatever happens while a
# client goes from one to the other: signals within the submit, kill -9, a
# socket that is full in the middle of a record.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Relay;

plan skip_all => 'built without mod_ssl_openssl.h'
    if EventStream::Httpd->build('detaches_tls') ne 'yes';

my %ciphers = (
    'TLS 1.3, AES-128' => ['--tls13-ciphers', 'TLS_AES_128_GCM_SHA256'],
    'TLS 1.3, AES-256' => ['--tls13-ciphers', 'TLS_AES_256_GCM_SHA384'],
    'TLS 1.3, ChaCha20' => ['--tls13-ciphers', 'TLS_CHACHA20_POLY1305_SHA256'],
    'TLS 1.2, AES-128' =>
        ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES128-GCM-SHA256'],
    'TLS 1.2, AES-256' =>
        ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-AES256-GCM-SHA384'],
    'TLS 1.2, ChaCha20' =>
        ['--tls-max', '1.2', '--ciphers', 'ECDHE-RSA-CHACHA20-POLY1305'],
);
my @names = sort keys %ciphers;
my @two = ('TLS 1.2, AES-256', 'TLS 1.3, AES-128');
my $ALERT = 21;    # types of records
my $DATA = 23;
my $CHANNEL_ENDS = '/publish?channel=news&for=0';

# Children that run as another user look for the signal here, and remove it.
my $dir = File::Temp::tempdir('es-numbers-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0777, $dir;
my $keys = "$dir/keys";
my $signal = "$dir/signal";

sub start
{
    my ($mpm, $conf) = @_;
    my $httpd = EventStream::Httpd->start(
        mpm => $mpm, ssl => 1,
        env => {SSLKEYLOGFILE => $keys, ES_SIGNAL_FILE => $signal},
        preload => EventStream::Httpd::builddir()
            . '/t/signals/.libs/raisesignal.so',
        conf => ($conf || '') . <<'CONF');
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
    EventStreamKeepAlive 0
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    return ($httpd, EventStream::Relay->start($httpd->ssl_port));
}

sub connects
{
    my ($httpd, $relay, $name, $last_id) = @_;
    return subscribe($httpd, undef, tls => 1, url => $relay->url('/events'),
        curl => $ciphers{$name},
        headers => $last_id ? ["Last-Event-ID: $last_id"] : []);
}

sub opens
{
    my ($client) = @_;
    return ($client->next_event(10) || {event => ''})->{event}
        eq 'stream-open';
}

sub data_of
{
    my ($client, $count, $seconds) = @_;
    return join ' ', map { $_->{data} } $client->events($count, $seconds);
}

# The id after which a client misses what is published next.
sub id_before
{
    my ($httpd, $text) = @_;
    my $id = publish($httpd, 'news', 'old')->{json}{id};
    publish($httpd, 'news', $text);
    return $id;
}

# ---- What is wrong with the records of a connection --------------------------

# Numbers count from 0, and so do explicit nonces, from wherever they start.
sub wrong_number
{
    my (@sealed) = @_;
    my $first = $sealed[0]{nonce};
    for my $i (0 .. $#sealed) {
        my $of = $sealed[$i];
        return "record $i has the number $of->{number}" if $of->{number} != $i;
        return "record $i has the nonce $of->{nonce} after $first"
            if defined $first
            && unpack('Q>', pack 'H*', $of->{nonce})
            != unpack('Q>', pack 'H*', $first) + $i;
    }
    return '';
}

# '' if nothing is. A record that no number opens is one of the handshake, which
# comes before all others.
sub wrong_records
{
    my (@records) = @_;
    my @sealed;
    for (@records) {
        push @sealed, $_ if defined $_->{number};
        return 'a record does not open' if @sealed && !defined $_->{number};
    }
    my $wrong = wrong_number(@sealed);
    return $wrong if $wrong;
    pop @sealed;
    return (grep { $_->{type} == $ALERT } @sealed)
        ? 'there is an alert before the last record' : '';
}

sub has_end
{
    my (@records) = @_;
    return @records && $records[-1]{type} == $ALERT;
}

sub data_records
{
    my (@records) = @_;
    return scalar grep { $_->{type} == $DATA && defined $_->{number} } @records;
}

# ---- From mod_ssl to the delivery, and to other children ---------------------

# What the client has missed is sent at once, while mod_ssl still has the
# connection.
for my $mpm (qw(event worker prefork)) {
    my ($httpd, $relay) = start($mpm);
    my $id = id_before($httpd, 'missed');
    my %client = map { ($_ => connects($httpd, $relay, $_, $id)) } @names;
    ok opens($client{$_}), "$mpm, $_: the stream opens" for @names;
    # one by one: two that are due at the same time would share a record
    is data_of($client{$_}, 1, 10), 'missed',
        "$mpm, $_: it gets what it has missed" for @names;
    publish($httpd, 'news', 'live');
    is data_of($client{$_}, 1, 10), 'live', "$mpm, $_: and what comes then"
        for @names;
    $httpd->graceful;
    publish($httpd, 'news', 'on');
    is data_of($client{$_}, 1, 10), 'on', "$mpm, $_: one after graceful"
        for @names;
    request($httpd, 'DELETE', $CHANNEL_ENDS);
    ok $client{$_}->is_ended(10), "$mpm, $_: its end is clean" for @names;
    my @of = $relay->records($keys);
    for my $name (@names) {
        my @records = @{shift @of};
        is wrong_records(@records), '',
            "$mpm, $name: each number is on the wire once, in order";
        is data_records(@records), 5,
            "$mpm, $name: of the head, three events and the last chunk";
        ok has_end(@records), "$mpm, $name: then one close_notify";
    }
}

# ---- A record in parts -------------------------------------------------------

{
    my ($httpd, $relay) = start('event', "EventStreamMaxUnsent 16384\n");
    my %client = map { ($_ => connects($httpd, $relay, $_)) } @names;
    ok opens($client{$_}), "slow, $_: the stream opens" for @names;
    my @texts = map { "$_ " . chr(65 + $_ % 26) x 50_000 } 1 .. 60;
    publish($httpd, 'news', $_) for @texts;
    $httpd->graceful;
    $httpd->graceful;
    for my $name (@names) {
        my @got = map { $_->{data} } $client{$name}->events(scalar @texts, 20);
        ok "@got" eq "@texts",
            "slow, $name: two graceful later it gets all that it has not read";
    }
    request($httpd, 'DELETE', $CHANNEL_ENDS);
    ok $client{$_}->is_ended(10), "slow, $_: its end is clean" for @names;
    my @of = $relay->records($keys);
    is wrong_records(@{shift @of}), '', "slow, $_: each number is there once"
        for @names;
}

# ---- A signal within the submit ----------------------------------------------

# The process that sets the socket's options for the delivery gets it.
sub at_next_submit
{
    my ($number) = @_;
    open my $out, '>', "$signal.new" or die "$signal.new: $!";
    print {$out} "$number\n";
    close $out or die $!;
    rename "$signal.new", $signal or die $!;
    return;
}

my %number = (TERM => 15, HUP => 1, USR1 => 10, KILL => 9);
for my $mpm (qw(prefork event)) {
    my ($httpd, $relay) = start($mpm);
    for my $how (qw(TERM HUP USR1 KILL)) {
        for my $name (@two) {
            my $id = id_before($httpd, 'missed');
            at_next_submit($number{$how});
            my $client = connects($httpd, $relay, $name, $id);
            ok opens($client), "$mpm, $how, $name: the stream opens";
            wait_for(sub { !-e $signal }, 10,
                "$mpm, $how, $name: the signal comes within the submit");
            like data_of($client, 1, 10), qr/^(?:missed)?$/,
                "$mpm, $how, $name: it gets what it has missed, or nothing";
            request($httpd, 'DELETE', $CHANNEL_ENDS);
            is $client->is_ended(10), $how eq 'KILL' ? 0 : 1,
                "$mpm, $how, $name: how it ends";
        }
    }
    my @of = $relay->records($keys);
    for my $how (qw(TERM HUP USR1 KILL)) {
        for my $name (@two) {
            my @records = @{shift @of};
            is wrong_records(@records), '',
                "$mpm, $how, $name: each number is on the wire once";
            ok !has_end(@records) == ($how eq 'KILL'),
                "$mpm, $how, $name: close_notify, but of a killed child";
        }
    }
}

# ---- kill -9 while clients are handed over -----------------------------------

# A moment after the start of graceful; one of the old children, or of the new.
sub kill_one
{
    my ($httpd) = @_;
    $httpd->graceful(wait => 0);
    sleep rand 0.1;
    my @children = $httpd->children;
    kill KILL => $children[rand @children] if @children;
    return;
}

my $seed = $ENV{ES_SEED} || time ^ $$;
srand $seed;
{
    my ($httpd, $relay) = start('event');
    my ($survived, $rounds) = (0, $ENV{ES_ROUNDS} || 2);
    for my $round (1 .. $rounds) {
        my @clients = map { connects($httpd, $relay, $_) } @names;
        opens($_) for @clients;
        publish($httpd, 'news', "before $round");
        kill_one($httpd);
        publish($httpd, 'news', "after $round $_") for 1 .. 3;
        my @got = map { data_of($_, 4, 3) } @clients;
        $survived += grep { /after $round 3$/ } @got;
        $_->close for @clients;
        $httpd->wait_until_idle;
    }
    my @wrong = grep { $_ } map { wrong_records(@$_) } $relay->records($keys);
    is "@wrong", '', 'kill -9 within graceful: each number is there once'
        or diag "ES_SEED=$seed";
    diag "$survived of " . $rounds * @names . ' clients went on';
    is $httpd->faults // '', '', 'shared memory is consistent';
}

done_testing;
