#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# conf/logins/remoteip.conf behind balancers: httpd with balancer.conf, and
# HAProxy and nginx with the files of conf/cluster/, if they are installed. The
# address of the client decides, whatever the client says of it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();

use EventStream::Client;
use EventStream::Daemon;
use EventStream::Httpd;
use EventStream::Login;
use EventStream::Ports;
use EventStream::Snippets;
use EventStream::Source;

my @missing = grep { !EventStream::Httpd->has_module($_) }
    qw(remoteip proxy proxy_http);
plan skip_all => "this httpd has no mod_$missing[0]" if @missing;

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

# ---- httpd -------------------------------------------------------------------

# Balancers are at 127.0.0.1, screens in 127.0.1.0/24, publishers in the first
# 64 of these, and others in 127.0.3.0/24.
sub host
{
    my ($port, $balancers) = @_;
    return login_sample('remoteip.conf',
        'Listen 8080' => "Listen \@PORT:$port\@",
        '*:8080' => "*:\@PORT:$port\@", '10.0.0.10' => $balancers,
        '192.0.2.0' => '127.0.1.0');
}
my $httpd = EventStream::Httpd->start(modules => [login_modules('remoteip')],
    conf => login_log() . host('web', '127.0.0.1')
        . host('careless', '127.0.0.0/8'));
my $web = $httpd->port_of('web');
my ($screen, $machine, $other) = qw(127.0.1.200 127.0.1.5 127.0.3.3);

sub status_of
{
    my ($port, $from, $channel, @headers) = @_;
    return subscribe($port, "/events/$channel", from => $from,
        headers => \@headers)->status;
}

sub post
{
    my ($port, $from, $text, @headers) = @_;
    return request($port, 'POST', '/publish?channel=screens', body => $text,
        from => $from, headers => ['Content-Type: text/plain', @headers])
        ->{status};
}

# What a client may say of its address.
my @forged = map { "X-Forwarded-For: $_" } $screen, "$screen, $screen",
    "$screen, 127.0.0.1", '127.0.0.1', ", $screen,";

sub try_balancer
{
    my ($name, $port) = @_;
    my $client = opens(subscribe($port, '/events/screens', from => $screen),
        "$name: a screen listens");
    is status_of($port, $other, 'screens'), 403,
        "$name: a client of another network does not";
    is status_of($port, $other, 'public'), 200,
        "$name: it listens to what is public";
    for my $header (@forged) {
        is status_of($port, $other, 'screens', $header), 403,
            "$name: it does not with $header";
        is post($port, $other, 'x', $header), 403, "$name: nor publish";
    }
    is status_of($port, $other, 'screens', "x-forwarded-for: $screen",
        "X-Forwarded-For: $screen"), 403, "$name: nor with the header twice";
    is status_of($port, $other, 'screens', "Forwarded: for=$screen",
        "X-Real-IP: $screen", "Client-IP: $screen"), 403,
        "$name: nor with other headers";
    is status_of($port, $screen, 'screens', "X-Forwarded-For: $other"), 200,
        "$name: a screen does, whatever it says";
    is post($port, $machine, "by $name"), 200, "$name: a machine publishes";
    is next_text($client), "by $name", "$name: the screen hears it";
    is post($port, $screen, 'x'), 403, "$name: a screen does not publish";
    $client->close;
    return;
}

# ---- Without a balancer ------------------------------------------------------

is status_of($web, $other, 'screens', "X-Forwarded-For: $screen"), 403,
    'past the balancer the header does not count';
is post($web, $other, 'x', "X-Forwarded-For: $machine"), 403,
    'nor does it for publishing';
is status_of($web, $screen, 'screens'), 200, 'but the address does';
is status_of($web, '127.0.0.1', 'screens'), 403,
    'of a balancer that adds no header the own address counts';
is status_of($web, '127.0.0.1', 'screens', "X-Forwarded-For: $screen"), 200,
    'a program at the address of the balancer is believed';
is status_of($httpd->port_of('careless'), $other, 'screens',
    "X-Forwarded-For: $screen"), 200,
    'and who is in a network that is listed as a whole';

# ---- With each ---------------------------------------------------------------

my $proxy = EventStream::Httpd->start(modules => [qw(proxy proxy_http)],
    module => 0, conf => "Listen \@PORT:web\@\n" . login_sample('balancer.conf',
        '*:80' => '*:@PORT:web@', '10.0.0.20:8080' => "127.0.0.1:$web"));
try_balancer('httpd', $proxy->port_of('web'));
# it would wait for streams whose clients it has not seen going
kill 'KILL', $proxy->pid, $proxy->children;

# A sample of conf/cluster/ with the test's ports.
sub balancer_conf
{
    my ($name, $port) = @_;
    my $text = text_of("conf/cluster/$name");
    utf8::encode($text);
    $text =~ s/^( *(?:bind|listen)) :?80(;?)$/$1 127.0.0.1:$port$2/m;
    $text =~ s/\bnode\d\.internal:8080/127.0.0.1:$web/g;
    return $text;
}

sub start_haproxy
{
    my ($port) = @_;
    write_file("$dir/haproxy.cfg", balancer_conf('haproxy.cfg', $port) =~
        s/maxconn 100000/maxconn 500/r);    # who is not root
    return EventStream::Daemon->start(port => $port, command =>
        ['haproxy', '-db', '-f', "$dir/haproxy.cfg"]);
}

sub start_nginx
{
    my ($port) = @_;
    write_file("$dir/nginx.conf", "daemon off;\npid $dir/nginx.pid;\n"
        . "error_log $dir/nginx.log;\nevents {}\nhttp {\naccess_log off;\n"
        . join('', map { "${_}_temp_path $dir/$_;\n" }
            qw(client_body proxy fastcgi uwsgi scgi))
        . balancer_conf('nginx.conf', $port) . "}\n");
    return EventStream::Daemon->start(port => $port, command =>
        ['nginx', '-c', "$dir/nginx.conf"]);
}

for my $case (['haproxy', \&start_haproxy], ['nginx', \&start_nginx]) {
    my ($name, $start) = @$case;
    SKIP: {
        skip "not installed: $name", 1 if !EventStream::Daemon->program($name);
        my $port = free_port();
        my $balancer = $start->($port);
        wait_for(sub { status_of($port, $other, 'public') == 200 }, 30,
            "$name: it serves") or diag $balancer->output;
        try_balancer($name, $port);
        $balancer->stop;
    }
}
is_deeply [grep { / 200 GET/ && !/detached/ } logged($httpd)], [],
    'no stream holds a worker';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
