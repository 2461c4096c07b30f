#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The recipes of docs/invoking.md, as they stand there: a condition, a hook in
# Lua, a CGI script, an SCGI program and a proxied application decide whether a
# request becomes a stream. And internal redirects, by which most of them work.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use IO::Socket::INET;
use POSIX ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Snippets;

my $docs = snippets('docs/invoking.md');
my $login = 'Authorization: Basic YW5uYTpzZWNyZXQ=';
my $users = 'anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' . "\n";
my $publish = <<'CONF';
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my %used;

# The docs' paths and ports are replaced by those of the test.
sub snippet
{
    my ($name) = @_;
    my $text = $docs->{$name} or die "docs/invoking.md has no $name";
    $used{$name} = 1;
    $text =~ s{/srv/app/}{\@DOCROOT@/}g;
    $text =~ s{127\.0\.0\.1:8000}{127.0.0.1:\@PORT:back@}g;
    return $text;
}

sub is_stream_of
{
    my ($httpd, $path, $channels, %opt) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $sse = subscribe($httpd, $path, %opt);
    is $sse->status, 200, "$path: the answer is 200";
    my $open = $sse->next_event(5);
    is $open && $open->{event}, 'stream-open', "$path: the stream opens";
    for my $channel (@$channels) {
        is publish($httpd, $channel, "to $channel")->{json}{clients}, 1,
            "$path: is subscribed to $channel";
        my $event = $sse->next_event(5);
        is $event && $event->{data}, "to $channel",
            "$path: receives events of $channel";
    }
    ok $sse->is_open, "$path: the stream goes on";
    return $sse;
}

sub has_status
{
    my ($httpd, $path, $status, @headers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is get($httpd, $path, @headers)->{status}, $status,
        "$path: the answer is $status";
}

# A client resumes at the path that decides, whoever answers behind it.
sub resumes
{
    my ($httpd, $path, $channel, @headers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $id = publish($httpd, $channel, 'known')->{json}{id};
    publish($httpd, $channel, 'missed');
    my $sse = subscribe($httpd, $path,
        headers => [@headers, "Last-Event-ID: $id"]);
    $sse->next_event(5);
    return is $sse->next_event(5)->{data}, 'missed', "$path: a client resumes";
}

# ---- A condition -----------------------------------------------------------

my $httpd = EventStream::Httpd->start(
    modules => [qw(auth_basic authn_file authz_user)],
    files => {'rooms' => "a page\n", 'users' => $users},
    conf => $publish . snippet('if.conf') . snippet('if-user.conf') . <<'CONF');
<LocationMatch "^/(mine|seen)$">
    AuthType Basic
    AuthName x
    AuthUserFile "@DOCROOT@/users"
    Require valid-user
</LocationMatch>
<Location "/seen">
    SetHandler eventstream
    EventStreamChannel nobody
    <If "-n %{REMOTE_USER}">
        EventStreamChannel somebody
    </If>
</Location>
CONF
is get($httpd, '/rooms', 'Accept: text/html')->{body}, "a page\n",
    'outside its condition the page is served';
is_stream_of($httpd, '/rooms', ['rooms'],
    headers => ['Accept: text/event-stream']);
has_status($httpd, '/mine', 401);
is_stream_of($httpd, '/mine', ['user-anna'], headers => [$login]);
is_stream_of($httpd, '/mine', ['user-anna', 'debug'],
    headers => [$login, 'X-Debug: 1']);
is_stream_of($httpd, '/seen', ['nobody'], headers => [$login]);

# ---- mod_lua ---------------------------------------------------------------

SKIP: {
    my @names = qw(lua.conf channels.lua);
    @used{@names} = (1) x @names;
    skip 'needs mod_lua', 1 if !EventStream::Httpd->has_module('lua');
    $httpd = EventStream::Httpd->start(
        modules => ['lua'], files => {'channels.lua' => snippet($names[1])},
        conf => $publish . snippet($names[0]));
    my $sse = is_stream_of($httpd, '/tables?table=4', [qw(menu table-4)]);
    is publish($httpd, 'table-5', 'x')->{json}{clients}, 0,
        '/tables: is not subscribed to another table';
    has_status($httpd, $_, 403)
        for '/tables', '/tables?table=4,table-5', '/tables?table=';
    resumes($httpd, '/tables?table=4', 'table-4');
}

# ---- CGI, SCGI, a proxied application ---------------------------------------

# The answer is the same for each request.
sub answer_scgi
{
    my ($peer) = @_;
    sysread $peer, my $request, 65536;
    print {$peer} "Location: /internal/events?channel=scgi\r\n\r\n";
    return;
}

# A FastCGI record of this type, for request 1.
sub record
{
    my ($type, $content) = @_;
    return pack('CCnnCC', 1, $type, 1, length $content, 0, 0) . $content;
}

# Answers each request in the same way, as an application does.
sub answer_fcgi
{
    my ($peer) = @_;
    my ($type, $length) = (0, 1);
    # up to the empty record that ends the body (FCGI_STDIN)
    while ($type != 5 || $length != 0) {
        (read $peer, my $head, 8) == 8 or return;
        ($type, $length, my $padding) = (unpack 'CCnnC', $head)[1, 3, 4];
        read $peer, my $content, $length + $padding;
    }
    print {$peer} record(6, "Status: 510 Not Extended\r\n"
        . "X-Event-Channel: fcgi\r\n\r\n"), record(6, ''),
        record(3, "\0" x 8);
    return;
}

my (@servers, @files);    # ended and removed with the test

END {
    local $?;
    for my $pid (@servers) {
        kill TERM => $pid;
        waitpid $pid, 0;
    }
}

# Starts a process that answers each connection. Returns its port.
sub serve
{
    my ($answer) = @_;
    my $listen = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
        or die "no free port: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        $SIG{TERM} = 'DEFAULT';
        while (my $peer = $listen->accept) {
            $answer->($peer);
        }
        POSIX::_exit(0);
    }
    push @servers, $pid;
    return $listen->sockport;
}

# Starts PHP's built-in server. Returns its port, 0 without PHP.
sub serve_php
{
    my $file = File::Temp->new(SUFFIX => '.php');
    print {$file} snippet('app.php');
    close $file or die $!;
    if (system('command -v php > /dev/null 2>&1') != 0) {
        diag 'docs/invoking.md, app.php: not run, no php on this machine';
        return 0;
    }
    push @files, $file;
    my $listen = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
        or die "no free port: $!";
    my $port = $listen->sockport;
    close $listen;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        exec 'php', '-S', "127.0.0.1:$port", $file->filename
            or POSIX::_exit(127);
    }
    push @servers, $pid;
    wait_for(sub { IO::Socket::INET->new("127.0.0.1:$port") }, 10,
        'PHP listens');
    return $port;
}

my $scgi_port = serve(\&answer_scgi);
my $fcgi_port = serve(\&answer_fcgi);
my $php_port = serve_php();

sub scripts
{
    my %files = map { ("app/$_" => snippet("$_.cgi")) } qw(listen app lists);
    return \%files;
}

# The recipe for an application, with another path and backend.
sub app_at
{
    my ($path, $url) = @_;
    my ($text) = snippet('proxy.conf') =~ m{\A(.*?</Location>\n)}s;
    $text =~ s{"/app"}{"$path"};
    $text =~ s{"http:[^"]*"}{"$url"};
    return $text;
}

sub make_executable
{
    my ($site) = @_;
    return chmod 0755, map { $site->docroot . "/$_" } keys %{scripts()};
}

my $cgi_conf = <<'CONF';
<IfModule mod_cgid.c>
    ScriptSock "@ROOT@/run/cgi"
</IfModule>
ScriptAlias "/cgi-bin/listen.cgi" "@DOCROOT@/app/listen"
<Directory "@DOCROOT@">
    AllowOverride All
</Directory>
CONF

# A rule that strips a prefix is a redirect within httpd, too, to a path that
# the client chooses.
my $strip = <<'HTACCESS';
RewriteEngine On
RewriteRule ^v1/(.*) /$1
RewriteRule ^[^/]+/(internal/.*) /$1
HTACCESS

# None of the recipes' internal sections is open to the client's own choice.
sub internal_is_closed
{
    my ($site) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $section ('events?channel=news', 'app-events?channel=news',
        'list-events?news') {
        has_status($site, "$_/internal/$section", 403)
            for '', '/v1', '/x', '/v1/x';
    }
    for my $script ('/cgi-bin/listen.cgi', '/v1/cgi-bin/listen.cgi') {
        has_status($site, "$script$_", 403) for '?room=news',
            '/internal/events?channel=news', '/v1/internal/events?channel=news';
    }
    return;
}

sub start_site
{
    my ($cgi, %opt) = @_;
    my $front = join '', map({ snippet("$_.conf") }
        qw(internal proxy proxy-list)),
        app_at('/fcgi', "fcgi://127.0.0.1:$fcgi_port/"),
        $php_port ? app_at('/php', "http://127.0.0.1:$php_port/") : ();
    my $site = EventStream::Httpd->start(
        modules => [$cgi, qw(proxy proxy_http proxy_scgi proxy_fcgi rewrite)],
        files => {%{scripts()}, '.htaccess' => $strip}, %opt,
        conf => $cgi_conf . <<"CONF");
Listen 127.0.0.1:\@PORT:back@
<VirtualHost 127.0.0.1:\@PORT:back@>
    \@PLAIN@
    ScriptAlias / "\@DOCROOT@/app/"
</VirtualHost>
<VirtualHost *:*>
    ProxyPass "/scgi" "scgi://127.0.0.1:$scgi_port/"
    $front
    $publish
</VirtualHost>
CONF
    make_executable($site);
    return $site;
}

my $cookie = 'Cookie: session=anna';
for my $way (['cgid', 'event'], ['cgi', 'prefork']) {
    my ($cgi, $mpm) = @$way;
    SKIP: {
        skip "needs mod_$cgi", 1 if !EventStream::Httpd->has_module($cgi);
        my $site = start_site($cgi, mpm => $mpm);
        my $sse = is_stream_of($site, '/cgi-bin/listen.cgi?room=kitchen',
            [qw(room-kitchen news)]);
        is $sse->header('location'), undef,
            "mod_$cgi: the client does not see the internal redirect";
        $sse->close;
        has_status($site, '/cgi-bin/listen.cgi?room=cellar', 403);
        internal_is_closed($site);
        is_stream_of($site, '/v1/cgi-bin/listen.cgi?room=hall',
            ['room-hall'])->close;
        resumes($site, '/cgi-bin/listen.cgi?room=hall', 'room-hall');

        is_stream_of($site, '/app', ['user-anna'], headers => [$cookie])->close;
        is get($site, '/app')->{body}, "Log in.\n",
            "mod_$cgi: other answers of the application are passed on";
        resumes($site, '/app', 'user-anna', $cookie);
        is subscribe($site, '/app', headers => [$cookie], version => '1.0')
            ->next_event(5)->{event}, 'stream-open',
            "mod_$cgi: a stream over HTTP/1.0";
        is_stream_of($site, '/lists', ['news', 'room 1'])->close;
        is_stream_of($site, '/scgi', ['scgi'])->close;
        is_stream_of($site, '/fcgi', ['fcgi'])->close;
        SKIP: {
            skip 'needs php', 1 if !$php_port;
            is_stream_of($site, '/php', ['user-anna'],
                headers => [$cookie])->close;
            is get($site, '/php')->{body}, "Log in.\n",
                "mod_$cgi: other answers of PHP are passed on";
        }
        like $site->access_log, qr{"GET /app HTTP/1\.1" 200 },
            "mod_$cgi: the access log has status 200";
    }
}

# A held stream after an internal redirect ends once, as others do.
SKIP: {
    skip 'needs mod_cgid', 1 if !EventStream::Httpd->has_module('cgid');
    my $site = EventStream::Httpd->start(
        modules => [qw(cgid rewrite)], ssl => 1, files => scripts(),
        conf => $publish . $cgi_conf . snippet('internal.conf') . <<'CONF');
EventStreamDetachTLS off
<Location "/open/events">
    SetHandler eventstream
    EventStreamChannel "{?channel}"
</Location>
CONF
    make_executable($site);
    my $sse = is_stream_of($site, '/cgi-bin/listen.cgi?room=hall',
        ['room-hall'], tls => 1);
    $site->graceful;
    ok $sse->is_ended(10), 'over TLS: the stream ends cleanly at graceful';
    like $sse->bytes, qr/\n\nretry: \d+\n\z/, 'over TLS: it ends with a retry';

    open my $out, '>', $site->docroot . '/.htaccess' or die $!;
    print {$out} "RewriteEngine On\n"
        . "RewriteRule ^old/(.*) /open/events?channel=\$1\n"
        . "ErrorDocument 404 /open/events?channel=lost\n";
    close $out or die $!;
    is_stream_of($site, '/old/kitchen', ['kitchen']);
    is_stream_of($site, '/nowhere', ['lost']);
    is subscribe($site, '/old/kitchen', method => 'HEAD')
        ->header('content-type'), 'text/event-stream; charset=utf-8',
        'HEAD after an internal redirect is a stream';
}

is_deeply [grep { !$used{$_} } sort keys %$docs], [],
    'all snippets of the page were run';
done_testing;
