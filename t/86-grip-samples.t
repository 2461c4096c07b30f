#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The samples in conf/pushpin/ work as they are, except for ports and paths.
# (Every Pushpin of the tests runs with pushpin.conf.)

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;
use EventStream::Source;

EventStream::Pushpin->or_skip;

my $dir = File::Temp->newdir;

sub key_file
{
    my ($name, $text, $mode) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
    print {$out} $text;
    close $out;
    chmod $mode || 0600, "$dir/$name";
    return;
}

# A sample with the test's ports and paths.
sub sample
{
    my ($name) = @_;
    my %port = (8080 => 'web', 8081 => 'own', 5561 => 'push');
    my $text = text_of("conf/pushpin/$name");
    $text =~ s/127\.0\.0\.1:(\d+)/127.0.0.1:\@PORT:$port{$1}\@/g;
    $text =~ s/pushpin2\.internal:5561/127.0.0.1:\@PORT:second\@/;
    $text =~ s/=file:([\w.]+)/=file:$dir\/$1/g;
    utf8::encode($text);
    return $text;
}

key_file('grip.secret', 'changeme');
key_file('grip2.secret', 'another');
key_file('fastly.token', "TOKEN\n");
key_file('fastly.jwk', text_of('conf/pushpin/fastly.jwk'), 0644);

sub stream
{
    my ($pushpin) = @_;
    my $client = subscribe($pushpin, '/events/kitchen');
    is $client->next_event(10)->{event}, 'stream-open', 'a client of Pushpin';
    return $client;
}

# ---- httpd.conf, pushpin.conf, routes ----------------------------------------

sub pushpin
{
    my ($httpd, $control, %opt) = @_;
    (my $routes = text_of('conf/pushpin/routes')) =~
        s/127\.0\.0\.1:8080/'127.0.0.1:' . $httpd->port_of('web')/e;
    return EventStream::Pushpin->start(routes => $routes,
        control => $httpd->port_of($control), %opt);
}

my @modules = grep { EventStream::Httpd->has_module($_) } 'remoteip';
my $httpd = EventStream::Httpd->start(modules => \@modules,
    conf => sample('httpd.conf'));
my $pushpin = pushpin($httpd, 'push');
my $client = stream($pushpin);
my $got = publish($httpd->port_of('own'), 'room-kitchen', 'hello');
is $got->{status}, 200, 'an event is published on a Listen of its own'
    or diag $got->{body};
is $client->next_event(10)->{data}, 'hello', 'the client gets it';
is get($httpd->port_of('web'), '/events/kitchen')->{status}, 403,
    'a client that does not come through Pushpin is refused';
is request($pushpin, 'POST', '/publish', body => 'x')->{status}, 404,
    'no client publishes through Pushpin';
like $httpd->access_log, qr{"GET /events/kitchen HTTP/1\.1" 200},
    'the access log shows the client';
is $httpd->stop, 0, 'httpd stops cleanly';
$pushpin->stop;

# ---- two.conf ----------------------------------------------------------------

(my $conf = sample('httpd.conf')) =~
    s/^EventStreamGrip .*\n/sample('two.conf')/me;
$httpd = EventStream::Httpd->start(modules => \@modules, conf => $conf);
my @pushpins = (pushpin($httpd, 'push'),
    pushpin($httpd, 'second', key => 'another'));
my @clients = map { stream($_) } @pushpins;
my $own = $httpd->port_of('own');
is publish($own, 'room-kitchen', 1)->{status}, 200, 'both accept an event';
is_deeply [map { $_->next_event(10)->{data} } @clients], [1, 1],
    'the clients of both get it';
$pushpins[1]->stop;
$got = publish($own, 'room-kitchen', 2);
is $got->{status}, 502, 'one is down: the publisher gets 502';
my $url = $pushpins[1]->control_url;
like $got->{body}, qr/not taken by $url/, '... with the name of that one';
is $clients[0]->next_event(10)->{data}, 2, 'the clients of the other get it';

# It is up again, and its client reconnects with the last id that it has.
my $last = $clients[1]->{last_id};
$pushpins[1]->restart;
my $back = subscribe($pushpins[1], '/events/kitchen',
    headers => ["Last-Event-ID: $last"]);
is $back->skip_to('message', 10)->{data}, 2,
    'the client gets what it has missed';
is publish($own, 'room-kitchen', 3)->{status}, 200, 'both accept the next';
is $back->next_event(10)->{data}, 3, 'the client that reconnected gets it';
is $clients[0]->next_event(10)->{data}, 3, 'and so does the other one';
is $httpd->stop, 0, 'httpd stops cleanly';

# ---- fastly.conf -------------------------------------------------------------

$httpd = EventStream::Httpd->start(conf => sample('fastly.conf'));
my $expired = 'eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.'
    . 'eyJleHAiOjE2NzUzNjU0MjgsImlzcyI6ImZhc3RseSJ9.'
    . 'QL2Pm1JnXV_vAYK7ijeD4U1CBjOTLihNMDZ-qfvjkKOTUiK1jyxGEwjZfeApijRaOtQT8fVk'
    . 'dPnKjF-tBiUzkA';
is get($httpd, '/events/a', "Grip-Sig: $expired")->{status}, 403,
    'a token of Fastly that has expired is refused';
like $httpd->error_log,
    qr/Grip-Sig of the request is not valid: it has expired/,
    '... although the key fits it';
is subscribe($httpd, '/events/a')->status, 200, 'direct clients are served';
is $httpd->stop, 0, 'httpd stops cleanly';
done_testing;
