#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A Location with our handlers wins over directives that take all requests of a
# site; all other requests are served as before. Redirects and refusals still
# apply.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;

my $ours = <<'CONF';
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "room-{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $front = "front controller\n";
my $authorization = 'Authorization: Basic YW5uYTpzZWNyZXQ=';

sub body_of
{
    my ($httpd, $path, @headers) = @_;
    my $answer = get($httpd, $path, @headers);
    return "$answer->{status} $answer->{body}";
}

# Subscribes, publishes and receives; all of it under the name of the case.
sub works
{
    my ($httpd, $name, @headers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $sse = subscribe($httpd, '/events/kitchen', headers => \@headers);
    is $sse->status, 200, "$name: the subscription gets 200";
    is $sse->header('content-type'), 'text/event-stream; charset=utf-8',
        "$name: the answer is a stream";
    my $open = $sse->next_event(5);
    is $open && $open->{event}, 'stream-open', "$name: the stream opens";
    my $answer = publish($httpd, 'room-kitchen', 'order',
        headers => \@headers);
    is $answer->{status}, 200, "$name: publishing works";
    my $event = $sse->next_event(5);
    is $event && $event->{data}, 'order', "$name: the event arrives";
    is get($httpd, '/events/kitchen', @headers, 'Accept: text/html')
        ->{status}, 406, "$name: a bad Accept gets our 406";
    my $head = subscribe($httpd, '/events/kitchen', method => 'HEAD',
        headers => \@headers);
    is $head->header('content-type'), 'text/event-stream; charset=utf-8',
        "$name: HEAD works";
    return;
}

# ---- ProxyPass "/" ---------------------------------------------------------

sub proxied
{
    my ($conf, $name, $path) = @_;
    my $httpd = EventStream::Httpd->start(
        modules => [qw(proxy proxy_http rewrite)],
        files => {'back/other' => "backend\n", 'back/index.html' => "home\n"},
        conf => <<"CONF");
Listen 127.0.0.1:\@PORT:back@
<VirtualHost 127.0.0.1:\@PORT:back@>
    \@PLAIN@
    DocumentRoot "\@DOCROOT@/back"
</VirtualHost>
<VirtualHost 127.0.0.1:\@PORT@>
$ours
$conf
</VirtualHost>
CONF
    works($httpd, $name);
    is body_of($httpd, '/other'), "200 backend\n",
        "$name: other requests are proxied";
    unlike $httpd->error_log, qr/proxy:error/, "$name: no error of the proxy";
    return;
}

proxied('ProxyPass "/" "http://127.0.0.1:@PORT:back@/"', 'ProxyPass /');
proxied(<<'CONF', 'ProxyPass in <Location "/">');
<Location "/">
    ProxyPass "http://127.0.0.1:@PORT:back@/"
</Location>
CONF
proxied(<<'CONF', 'RewriteRule [P] of the server');
RewriteEngine On
RewriteRule "^/(.*)" "http://127.0.0.1:@PORT:back@/$1" [P]
CONF

my $closed = EventStream::Httpd->start(
    modules => [qw(proxy proxy_http)], conf => <<"CONF");
$ours
ProxyPass "/" "http://127.0.0.1:1/"
CONF
works($closed, 'a backend that is down');
is get($closed, '/other')->{status}, 503,
    'a backend that is down: other requests get 503';

# ---- .htaccess -------------------------------------------------------------

my %controllers = (
    'RewriteRule ^' => "RewriteEngine On\nRewriteRule ^ index.txt [L]\n",
    'WordPress' => <<'HTACCESS',
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /
RewriteRule ^index\.txt$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.txt [L]
</IfModule>
HTACCESS
    'Laravel' => <<'HTACCESS',
RewriteEngine On
RewriteCond %{HTTP:Authorization} .
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteCond %{REQUEST_FILENAME} !-d
RewriteCond %{REQUEST_URI} (.+)/$
RewriteRule ^ %1 [L,R=301]
RewriteCond %{REQUEST_FILENAME} !-d
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule ^ index.txt [L]
HTACCESS
    'RewriteRule [END]' => "RewriteEngine On\nRewriteRule ^ index.txt [END]\n",
    'RewriteRule [H]' =>
        "RewriteEngine On\nRewriteRule ^e - [H=default-handler]\n"
        . "RewriteRule ^other index.txt\n",
    'FallbackResource' => "FallbackResource /index.txt\n",
    'ErrorDocument' => "ErrorDocument 404 /index.txt\n",
    'SetHandler' => "SetHandler default-handler\nFallbackResource /index.txt\n"
        . "ErrorDocument 404 /index.txt\n",
);

my $site = EventStream::Httpd->start(
    modules => [qw(rewrite auth_basic authn_file authz_user headers)],
    files => {'index.txt' => $front, 'static.txt' => "static\n",
        'users' => 'anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' . "\n"},
    conf => <<"CONF");
$ours
<Directory "\@DOCROOT@">
    AllowOverride All
</Directory>
CONF

sub htaccess
{
    my ($text) = @_;
    $text =~ s/\@ROOT@/$site->root/ge;
    open my $out, '>', $site->docroot . '/.htaccess' or die $!;
    print {$out} $text;
    close $out or die $!;
    return;
}

for my $name (sort keys %controllers) {
    htaccess($controllers{$name});
    works($site, $name);
    like get($site, '/other')->{body}, qr/\A$front\z/,
        "$name: other requests go to the front controller";
}
htaccess($controllers{WordPress});
is body_of($site, '/static.txt'), "200 static\n",
    'a front controller leaves a static file alone';

htaccess("RewriteEngine On\nRewriteRule ^events/kitchen /elsewhere [R=302,L]\n"
    . "RewriteRule ^publish - [F]\nRewriteRule ^events/gone - [G]\n"
    . "RewriteRule ^ index.txt\n");
my $redirect = get($site, '/events/kitchen');
is $redirect->{status}, 302, 'a redirect of .htaccess applies';
like $redirect->{headers}{location}, qr{/elsewhere$},
    'the redirect has its target';
is get($site, '/events/gone')->{status}, 410, 'RewriteRule [G] applies';
is publish($site, 'a', 'x')->{status}, 403,
    'RewriteRule [F] applies to publishing';
is get($site, '/events/cellar', 'Accept: a/b')->{status}, 406,
    'other paths of the same Location are still ours';

# ---- The query -------------------------------------------------------------

# Publishes to a channel of the query, and resumes there by the query.
sub keeps_query
{
    my ($httpd, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = publish($httpd, 'room-kitchen', 'first');
    is $answer->{status}, 200, "$name: ?channel= is read";
    my $id = $answer->{json}{id} || '-';
    publish($httpd, undef, '{"channel":"room-kitchen","data":"second"}',
        headers => ['Content-Type: application/json']);
    my $sse = subscribe($httpd, "/events/kitchen?lastEventId=$id");
    $sse->skip_to('stream-open', 5);
    my $event = $sse->next_event(5);
    is $event && $event->{data}, '"second"', "$name: ?lastEventId= is read";
    return;
}

for my $rule ('^(.*)$ index.txt?q=$1 [L]', '^ index.txt? [L]',
    '^ /index.txt?q=1 [END]', '^(e|p) index.txt?q=1 [H=default-handler]')
{
    htaccess("RewriteEngine On\nRewriteCond %{REQUEST_URI} !/index.txt\n"
        . "RewriteRule $rule\n");
    keeps_query($site, "RewriteRule $rule");
}
htaccess("RewriteEngine On\nRewriteRule ^pub.* /publish?channel=room-cellar\n");
my $cellar = subscribe($site, '/events/cellar');
$cellar->skip_to('stream-open', 5);
publish($site, undef, 'by a rule');
is(($cellar->next_event(5) || {data => ''})->{data}, 'by a rule',
    'a rule may give a Location of ours another query');

for my $rule ('"^/(.*)" "/index.txt?q=$1" [L]', '"^" "/index.txt?" [L]',
    '"^/(.*)" "http://127.0.0.1:1/?q=$1" [P]')
{
    my $server = EventStream::Httpd->start(
        modules => [qw(rewrite proxy proxy_http)],
        files => {'index.txt' => $front},
        conf => <<"CONF");
$ours
<Location "/checked">
    SetHandler eventstream-publish
    Require expr "%{QUERY_STRING} !~ /channel=cellar/"
</Location>
<If "%{QUERY_STRING} =~ /channel=office/">
    Require all denied
</If>
RewriteEngine On
RewriteRule $rule
CONF
    keeps_query($server, "RewriteRule $rule of the server");
    is publish($server, $$_[0], 'x', path => $$_[1])->{status}, 403,
        "RewriteRule $rule of the server: $$_[2] sees the query that is served"
        for ['office', '/publish', '<If>'], ['cellar', '/checked', 'Require'];
}
my $given = EventStream::Httpd->start(modules => ['rewrite'],
    conf => <<"CONF");
$ours
<LocationMatch "^/(own|mapped)\$">
    SetHandler eventstream
    EventStreamChannel "{?room}"
</LocationMatch>
Alias /mapped "\@ROOT@/tmp"
RewriteEngine On
RewriteRule "^/own" "/own?room=a"
RewriteRule "^/(to/)?mapped" "/mapped?room=a" [PT]
CONF
is subscribe($given, $_)->status, 200,
    "$_: a rule of the server may give a Location of ours another query"
    for '/own', '/mapped', '/to/mapped', '/own?room=b';

htaccess("Require all denied\n");
is get($site, '/events/kitchen')->{status}, 403, 'Require all denied applies';
is publish($site, 'a', 'x')->{status}, 403,
    'Require all denied applies to publishing, too';

htaccess("AuthType Basic\nAuthName x\nAuthUserFile \@ROOT@/htdocs/users\n"
    . "Require valid-user\nRewriteEngine On\nRewriteRule ^ index.txt\n");
is get($site, '/events/kitchen')->{status}, 401, 'Require valid-user applies';
is publish($site, 'a', 'x')->{status}, 401,
    'Require valid-user applies to publishing, too';
works($site, 'with a login', $authorization);

htaccess('');
is get($site, '/other')->{status}, 404, 'without rules an unknown path is 404';

# ---- In the configuration --------------------------------------------------

my $rules = EventStream::Httpd->start(
    modules => [qw(rewrite negotiation autoindex)],
    files => {'index.txt' => $front, 'events/index.html' => "dir\n",
        'events/kitchen.txt' => "file\n",
        'events/cellar.fr.gz' => "file\n", 'real' => "file\n"},
    conf => <<"CONF");
<Directory "\@DOCROOT@">
    Options +MultiViews +Indexes
    AddType text/plain .txt
    AddLanguage fr .fr
    AddEncoding x-gzip .gz
    AddHandler default-handler .txt
    FallbackResource /index.txt
    RewriteEngine On
    RewriteRule ^ index.txt [L]
</Directory>
$ours
<LocationMatch "^/events/\$">
    SetHandler eventstream
    EventStreamChannel all
</LocationMatch>
<Location "/real">
    SetHandler eventstream
    EventStreamChannel all
</Location>
RewriteEngine On
RewriteRule "^/old/(.*)" "/events/\$1" [PT]
RewriteRule "^/gone" - [F]
<Location "/gone">
    SetHandler eventstream
    EventStreamChannel all
</Location>
<LocationMatch "^/denied">
    SetHandler eventstream
    EventStreamChannel all
    Require all denied
</LocationMatch>
CONF
is get($rules, '/other')->{body}, $front,
    'rules in a <Directory> serve other requests';
works($rules, 'in a <Directory>');
is subscribe($rules, $_)->header('content-type'),
    'text/event-stream; charset=utf-8',
    "$_ is a stream, whatever file has that name"
    for '/real', '/old/kitchen', '/events/', '/events/kitchen',
    '/events/kitchen.txt', '/events/none.txt';
for my $path ('/events/cellar', '/events/cellar.fr.gz', '/events/x.fr.gz') {
    my $named = subscribe($rules, $path);
    is $named->header('content-type'), 'text/event-stream; charset=utf-8',
        "$path is a stream, whatever file has that name";
    is $named->header('content-encoding'), undef,
        "$path: no Content-Encoding of a file";
    is $named->header('content-language'), undef,
        "$path: no Content-Language of a file";
}
is get($rules, '/gone')->{status}, 403, 'RewriteRule [F] of the server applies';
is get($rules, '/denied')->{status}, 403,
    'Require all denied in our Location applies';

# ---- mod_dir and mod_speling -----------------------------------------------

# Names of folders. /closed/ admits no publisher, its index does.
my $folders = EventStream::Httpd->start(
    modules => [qw(speling autoindex rewrite)],
    files => {map({ ("$_/index.html" => "index\n") } qw(publish events
        events/kitchen closed forced plain)),
        'events/cellar1' => "file\n"},
    conf => <<"CONF");
<Directory "\@DOCROOT@">
    Options +Indexes
</Directory>
CheckSpelling on
RewriteEngine On
RewriteRule "^/forced\$" - [H=eventstream-publish]
$ours
<Location "/closed/">
    SetHandler eventstream-publish
    EventStreamPublishFrom none
</Location>
<Location "/closed/index.html">
    SetHandler eventstream-publish
    EventStreamPublishFrom any
</Location>
<LocationMatch "^/events/\$">
    SetHandler eventstream
    EventStreamChannel all
</LocationMatch>
CONF
works($folders, 'a folder of that name');
is publish($folders, 'a', 'x', path => '/closed/')->{status}, 403,
    'DirectoryIndex does not replace our section';
my $all = subscribe($folders, '/events/');
$all->skip_to('stream-open', 5);
publish($folders, 'all', 'x');
is(($all->next_event(5) || {data => ''})->{data}, 'x',
    'DirectoryIndex does not replace our channels');
is subscribe($folders, '/events/cellar')->header('content-type'),
    'text/event-stream; charset=utf-8',
    'CheckSpelling does not redirect a subscriber';
is publish($folders, 'a', 'x', path => '/forced')->{status}, 200,
    'DirectorySlash does not redirect a handler of [H=]';
# /found/index.html, which an index and a fallback lead to, admits no POST;
# /open/index.html does.
my $found = EventStream::Httpd->start(modules => ['rewrite'],
    files => {map({ ("$_/index.html" => "index\n") } qw(found open late))},
    conf => <<"CONF");
<Directory "\@DOCROOT@/late">
    RewriteEngine On
    RewriteRule "^index" - [H=eventstream-publish]
    EventStreamPublishFrom none
    <If "%{REQUEST_METHOD} == 'GET'">
        EventStreamPublishFrom any
    </If>
</Directory>
<Directory "\@DOCROOT@/found">
    FallbackResource /found/index.html
</Directory>
<Location "/found/index.html">
    SetHandler eventstream-publish
    <LimitExcept GET>
        Require all denied
    </LimitExcept>
</Location>
<Location "/open/index.html">
    SetHandler eventstream-publish
    EventStreamChannel "open"
</Location>
CONF
for my $path ('/found/index.html', '/found/', '/found/other', '/late/') {
    is publish($found, 'a', 'x', path => $path)->{status}, 403,
        "POST $path is decided by its own method";
}
like get($found, '/found/?channel=a')->{body}, qr/"events": 0\b/,
    'no event was published';
is publish($found, undef, 'x', path => '/open/')->{status}, 200,
    'POST of an index that admits it is served';
like get($found, '/open/')->{body}, qr/"channel": "open".*"events": 1\b/,
    'it is published once';
is request($found, 'HEAD', '/open/')->{status}, 200,
    'HEAD of an index is served';

# A Location that takes all paths, also those of error pages.
my $all_paths = EventStream::Httpd->start(files => {'404.txt' => $front},
    conf => <<"CONF");
AddType text/plain .txt
ErrorDocument 403 /page
ErrorDocument 404 /404.txt?list=
ErrorDocument 410 /events/kitchen
<Location "/">
    SetHandler eventstream-publish
    EventStreamChannel a
</Location>
<Location "/denied">
    Require all denied
</Location>
Redirect 404 "/lost"
Redirect gone "/gone"
$ours
CONF
is publish($all_paths, undef, 'x', path => '/')->{status}, 200,
    'a publish Location of all paths';
is publish($all_paths, undef, 'x', path => '/denied')->{status}, 403,
    'the page of an error is no statistics with 200';
my $lost = request($all_paths, 'POST', '/lost', body => 'x');
is $lost->{status}, 404, 'nor that of another error';
is $lost->{body}, $front, 'a file of that name is served';
is subscribe($all_paths, '/gone')->header('content-type'),
    'text/event-stream; charset=utf-8', 'it may be a stream';

is get($folders, '/plain')->{status}, 301,
    'another folder is redirected to its slash';
is body_of($folders, '/plain/'), "200 index\n", 'another folder has its index';
is get($folders, '/plian/')->{status}, 301,
    'the spelling of another name is corrected';
done_testing;
