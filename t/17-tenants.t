#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Other tenants of the host: what a CGI program gets of our descriptors and of
# the memory of a child, and what an author of .htaccess can do.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $LONG = 20;    # seconds until a test that waits for a fact gives up

# Its query is a pid.
my $script = <<'SH';
#!/bin/sh
echo "Content-Type: text/plain"
echo
for fd in /proc/$$/fd/*; do
    echo "fd: $(readlink $fd)"
done
for name in maps mem environ; do
    cat /proc/$QUERY_STRING/$name > /dev/null 2>&1 && echo "reads: $name"
done
ls /proc/$QUERY_STRING/fd/ > /dev/null 2>&1 && echo "reads: fd"
echo "user: $(id -u)"
SH

my $conf = <<'CONF';
<IfModule mod_cgid.c>
    ScriptSock "@ROOT@/run/cgi"
</IfModule>
EventStreamHub other size=1m
EventStreamGrip hub=other http://127.0.0.1:@PORT:dead@
<Directory "@DOCROOT@">
    AllowOverride AuthConfig FileInfo
</Directory>
<Directory "@DOCROOT@/cgi">
    Options ExecCGI
    SetHandler cgi-script
</Directory>
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub start
{
    my ($mpm, $cgi, %files) = @_;
    my $httpd = EventStream::Httpd->start(mpm => $mpm, modules => [$cgi],
        files => {'cgi/look' => $script, %files}, conf => $conf);
    chmod 0755, $httpd->docroot . '/cgi/look';
    return $httpd;
}

# ---- CGI programs ----------------------------------------------------------

for my $kind (['event', 'cgid'], ['event', 'cgi'], ['prefork', 'cgi']) {
    my $name = join ', mod_', @$kind;
    my $httpd = start(@$kind);
    my $sse = subscribe($httpd, '/events');
    is $sse->next_event($LONG)->{event}, 'stream-open',
        "$name: a client listens";
    for my $child ($httpd->children) {
        my $answer = get($httpd, "/cgi/look?$child");
        is $answer->{status}, 200, "$name: a CGI program is run";
        my @fds = $answer->{body} =~ /^fd: (.*)$/mg;
        cmp_ok scalar @fds, '>=', 3, "$name: it tells its descriptors";
        # of mod_cgid a program has a socket as 0 and 1
        my %sockets = map { $_ => 1 } grep { /^socket:/ } @fds[2 .. $#fds];
        delete $sockets{$fds[0]};
        is join(' ', sort keys %sockets), '',
            "$name: it has no socket of a client or of a child";
        is join(' ', grep { /eventfd|eventpoll|zero|memfd/ } @fds), '',
            "$name: nor shared memory, nor what wakes a child";
        SKIP: {
            my ($user) = $answer->{body} =~ /^user: (\d+)$/m;
            skip 'httpd was not started by root', 1 if $> != 0;
            isnt $user, 0, "$name: it has the user of the children";
            is join(' ', $answer->{body} =~ /^reads: (.*)$/mg), '',
                "$name: but sees neither memory nor descriptors of one";
        }
    }
}

# ---- Authors of .htaccess --------------------------------------------------

my %htaccess = map { ("$_/.htaccess" => "SetHandler eventstream-$_\n"
    . "Require all granted\n", "$_/x" => '') } qw(status metrics publish);
$htaccess{'stream/.htaccess'} = "SetHandler eventstream\n";
$htaccess{'stream/x'} = '';
my $httpd = start('event', 'cgid', %htaccess);
is get($httpd, "/$_/x")->{status}, 403,
    "SetHandler eventstream-$_ with Require in .htaccess opens nothing"
    for qw(status metrics);
is get($httpd, '/stream/x?channel=a')->{status}, 400,
    'SetHandler eventstream in .htaccess yields no channel';
is request($httpd, 'POST', '/publish/x?channel=a', body => 'x',
    headers => ['Via: 1.1 proxy'])->{status}, 403,
    'SetHandler eventstream-publish in .htaccess opens nothing to the world';
is request($httpd, 'POST', '/publish/x?channel=a', body => 'x')->{status}, 200,
    'to this host it is as open as without: the preset is local';
done_testing;
